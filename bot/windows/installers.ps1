# Installers: starts them outside the shell, watches them, gives them up, ends them. The mark is made by wrapper.ps1 alone, or by giving up.

$chunk = 65536

function Assert-MarkName($mark) {
    if ($mark.name -cnotmatch '^nps-[A-Za-z0-9_-]{1,200}$') { Stop-Verb 'failed' "'$($mark.name)' can't name a mark." }
}

function Get-LogPath($name) { "$nps\logs\$name.log" }

function Format-Argument($argument, $kind) {
    if ($argument -notmatch '[\s"]' -and $argument) { return $argument }
    # msiexec wants the quotes around the value, and a quote within doubled.
    if ($kind -eq 'msi' -and $argument -match '(?s)^([A-Za-z_][\w.]*)=(.*)$') { return '{0}="{1}"' -f $Matches[1], $Matches[2].Replace('"', '""') }
    '"{0}"' -f (($argument -replace '(\\*)"', '$1$1\"') -replace '(\\+)$', '$1$1')
}

# What the wrapper reads: no word of it is ever on a command line of ours, or in a script's text.
function Get-Job($call) {
    $log = Get-LogPath $call.mark.name
    $arguments = @($call.arguments | ForEach-Object { Format-Argument ("$_".Replace('{log}', $log)) $call.kind })
    $program = $call.path
    if ($call.kind -eq 'msi') {
        $program = "$env:SystemRoot\System32\msiexec.exe"
        $arguments = @("/i `"$($call.path)`" /qn /norestart /L*v `"$log`"") + $arguments
    }
    # An installer that writes the log itself may want it alone.
    $output = if ($call.kind -eq 'msi' -or "$($call.arguments)".Contains('{log}')) { "$log.out" } else { $log }
    @{
        mark = $call.mark; path = $call.path; sha256 = $call.sha256; program = $program; arguments = $arguments -join ' '; output = $output
        folder = [IO.Path]::GetDirectoryName($call.path); nps = $nps
    }
}

function Register-Task($name, $user, $logon) {
    $text = ". ([ScriptBlock]::Create([IO.File]::ReadAllText(`"`$env:ProgramData\nps\tasks\$name.ps1`"))) '$name'"
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($text))
    $shell = "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe"
    $action = New-ScheduledTaskAction -Execute $shell -Argument "-NoProfile -NonInteractive -EncodedCommand $encoded"
    $principal = New-ScheduledTaskPrincipal -UserId $user -LogonType $logon -RunLevel Highest
    # No time limit: an installer cut off half-way is worse than one that hangs, and people are asked about that.
    $settings = New-ScheduledTaskSettingsSet -MultipleInstances IgnoreNew -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -Priority 4
    $null = Register-ScheduledTask -TaskPath '\nps\' -TaskName $name -Action $action -Principal $principal -Settings $settings -Force -ErrorAction Stop
    Start-ScheduledTask -TaskPath '\nps\' -TaskName $name -ErrorAction Stop
}

# Access is denied, and: this type of logon has not been granted.
$refusals = '80070005', '80070569'

function Test-Denied($record) {
    (Get-Kind $record.Exception) -eq 'denied' -or "$($record.FullyQualifiedErrorId)" -match "0x($($refusals -join '|'))"
}

function Get-LastResult($name) { (Get-ScheduledTaskInfo -TaskPath '\nps\' -TaskName $name -ErrorAction SilentlyContinue).LastTaskResult }

# Neither registering nor starting throws where the account may not log on as a batch job: it is the task's result, some time later.
function Test-Refused($name) { $refusals -contains ('{0:x8}' -f (Get-LastResult $name)) }

function Start-Task($name, $runAs) {
    if ($runAs -eq 'SYSTEM') { return Register-Task $name 'S-1-5-18' 'ServiceAccount' }
    $me = [Security.Principal.WindowsIdentity]::GetCurrent().Name
    try { Register-Task $name $me 'S4U' } catch { if (-not (Test-Denied $_)) { throw }; Register-Task $name 'S-1-5-18' 'ServiceAccount' }
}

# The mark; nothing where the time is over, the task was refused, or what it runs is gone. A task that runs or is queued has another result.
function Wait-ForMark($name, $seconds) {
    $since = [Diagnostics.Stopwatch]::StartNew()
    do {
        $begun = Wait-For 1 { (Read-Mark $name) -or -not [IO.File]::Exists("$nps\tasks\$name.ps1") }
    } until ($begun -or (Test-Refused $name) -or $since.Elapsed.TotalSeconds -ge $seconds)
    Read-Mark $name
}

# As SYSTEM where the account is refused: the mark is exclusive, so that it does no harm if the first one begins after all.
function Start-Marked($name, $runAs) {
    if ($runAs -ne 'SYSTEM') {
        Start-Task $name $runAs
        $begun = Wait-ForMark $name 60
        if ($begun -or -not (Test-Refused $name)) { return $begun }
    }
    Start-Task $name 'SYSTEM'
    Wait-ForMark $name 60
}

function Remove-Task($name) {
    Unregister-ScheduledTask -TaskPath '\nps\' -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
    foreach ($file in "$name.ps1", "$name.json") { [IO.File]::Delete("$nps\tasks\$file") }
}

# The same file by its hash, whose signature was judged in the plan; looked at again, for a skipped step judges nothing.
function Assert-Approved($call) {
    if (-not [IO.File]::Exists($call.path)) { Stop-Verb 'absent' "There is no $($call.path)." }
    $sha256 = Get-Sha256 $call.path
    if ($sha256 -ne $call.sha256) { Stop-Verb 'failed' "$($call.path) is not the file that was approved: its SHA-256 is $sha256." }
    if (-not $call.signer) { return }
    $signature = Get-SignatureFacts $call.path
    if ($signature.status -ne 'Valid' -or $signature.signer -cne $call.signer) {
        Stop-Verb 'failed' "$($call.path) has no valid signature of $($call.signer) (status $($signature.status), signer $($signature.signer)); nothing was run."
    }
}

function New-OwnFolders { foreach ($folder in $nps, "$nps\marks", "$nps\logs", "$nps\tasks") { New-PrivateFolder $folder } }

# What attempts left behind: at once the task of one that was cut off, after 90 days its mark and its log.
function Remove-Old($wanted) {
    $before = [DateTime]::UtcNow.AddDays(-90)
    foreach ($mark in Get-Marks) {
        if ($mark.alive) { continue }
        # A wrapper that lives removes its own.
        if (-not (Find-Process $mark.pid $mark.pid_started) -and [IO.File]::Exists("$nps\tasks\$($mark.name).json")) { Remove-Task $mark.name }
        # A run's own marks stay while it goes on: an attempt that is asked for again must find its own.
        if ($mark.store -eq $wanted.store -and $mark.run -eq $wanted.run) { continue }
        if ([IO.File]::GetLastWriteTimeUtc("$nps\marks\$($mark.name).json") -gt $before) { continue }
        $log = Get-LogPath $mark.name
        foreach ($path in $log, "$log.out", "$nps\marks\$($mark.name).children", "$nps\marks\$($mark.name).end", "$nps\marks\$($mark.name).json") {
            [IO.File]::Delete($path)
        }
    }
    # A task that was begun ahead of time ends within minutes, but not where its server was restarted.
    foreach ($path in [IO.Directory]::GetFiles("$nps\tasks", '*.ps1')) {
        $name = [IO.Path]::GetFileNameWithoutExtension($path)
        if ([IO.File]::GetLastWriteTimeUtc($path) -lt [DateTime]::UtcNow.AddDays(-1) -and -not (Read-Mark $name)) { Remove-Task $name }
    }
}

# Delivered packages and pieces of such, once they are 90 days old; none that is to run now, or that an attempt may still need.
function Remove-OldPackages($call) {
    $jobs = @([IO.Directory]::GetFiles("$nps\tasks", '*.json') | ForEach-Object { try { Read-Json (Read-Text $_) } catch { $null } })
    $marks = @(Get-Marks | Where-Object { $_.alive -or ($_.store -eq $call.mark.store -and $_.run -eq $call.mark.run) })
    $needed = @($call.path) + @($jobs + $marks | ForEach-Object { $_.path })
    $before = [DateTime]::UtcNow.AddDays(-90)
    foreach ($folder in @(if ([IO.Directory]::Exists("$nps\packages")) { [IO.Directory]::GetDirectories("$nps\packages") })) {
        if ([IO.Path]::GetFileName($folder) -notmatch '^[0-9a-f]{64}$' -or @($needed | Where-Object { "$_" -like "$folder\*" }).Count) { continue }
        if (([IO.File]::GetAttributes($folder) -band [IO.FileAttributes]::ReparsePoint) -or -not (Test-Trusted $folder)) { continue }
        if (@([IO.Directory]::GetFiles($folder, '*') | Where-Object { [IO.File]::GetLastWriteTimeUtc($_) -gt $before }).Count) { continue }
        # One that somebody has open goes another time.
        try { Remove-Content $folder; [IO.Directory]::Delete($folder) } catch { continue }
    }
}

function Start-Installer($call) {
    $wanted = $call.mark
    Assert-MarkName $wanted
    $there = Read-Mark $wanted.name
    if ($there) { return @{ changed = $false; mark = (Format-Mark $there) } }
    $living = @(Get-Marks | Where-Object { $_.alive })
    $own = $living | Where-Object { $_.store -eq $wanted.store -and $_.run -eq $wanted.run -and $_.step -eq $wanted.step } | Select-Object -First 1
    if ($own) { return @{ changed = $false; mark = (Format-Mark $own) } }
    if ($living.Count) { Stop-Verb 'busy' "The installer of $($living[0].name) is still running." }
    Assert-Approved $call
    if (Test-MsiBusy) { Stop-Verb 'installing' 'Windows Installer is at work for another installation.' }
    New-OwnFolders
    Remove-Old $wanted
    Remove-OldPackages $call
    $job = ConvertTo-Line (Get-Job $call)
    $begun = Start-Prepared $wanted.name $job
    if (-not $begun) {
        # One that was begun ahead may have been refused already.
        $runAs = if ([IO.File]::Exists("$nps\tasks\$($wanted.name).ps1") -and (Test-Refused $wanted.name)) { 'SYSTEM' } else { $call.run_as }
        Write-Whole "$nps\tasks\$($wanted.name).json" $job
        Write-Whole "$nps\tasks\$($wanted.name).ps1" $call.wrapper
        $begun = Start-Marked $wanted.name $runAs
    }
    if (-not $begun) { Stop-Verb 'failed' "The task \nps\$($wanted.name) has not begun; its last result is $(Get-LastResult $wanted.name)." }
    @{ changed = $true; mark = (Format-Mark $begun) }
}

# --- Ahead of time: a task and its PowerShell take seconds to begin, while the server before this one is at work that costs nobody any time

# The task begins and waits for its job; without one it runs nothing, and ends by itself.
function Register-Ahead($call) {
    Assert-MarkName $call.mark
    $name = $call.mark.name
    $script = "$nps\tasks\$name.ps1"
    if ((Read-Mark $name) -or [IO.File]::Exists($script)) { return @{ changed = $false } }
    # A signature is judged before the job is written.
    Import-Module Microsoft.PowerShell.Security
    New-OwnFolders
    Write-Whole $script $call.wrapper
    Start-Task $name $call.run_as
    @{ changed = $true }
}

# The mark, where a task waits for its job and takes it; nothing where there is none, or it is gone by now.
function Start-Prepared($name, $job) {
    $script = "$nps\tasks\$name.ps1"
    # With a job beside it it is what a start that was cut off has left.
    if (-not [IO.File]::Exists($script) -or [IO.File]::Exists("$nps\tasks\$name.json")) { return }
    Write-Whole "$nps\tasks\$name.json" $job
    Wait-ForMark $name 10
}

# --- Watching

function Read-Bytes($path, $offset, $most) {
    if (-not [IO.File]::Exists($path)) { return , (New-Object byte[] 0) }
    $stream = New-Object IO.FileStream $path, 'Open', 'Read', 'ReadWrite, Delete'
    try {
        $bytes = New-Object byte[] ([Math]::Max(0, [Math]::Min($most, $stream.Length - $offset)))
        $null = $stream.Seek($offset, 'Begin')
        $count = $stream.Read($bytes, 0, $bytes.Length)
        [Array]::Resize([ref]$bytes, $count)
        , $bytes
    } finally { $stream.Dispose() }
}

function Get-Size($path) { if ([IO.File]::Exists($path)) { (New-Object IO.FileInfo $path).Length } else { 0 } }

# msiexec writes UTF-16 with a mark in front, most others 8-bit text.
function Read-Tail($path) {
    $size = Get-Size $path
    $start = [Math]::Max(0, $size - 4096)
    $start -= $start % 2
    $head = Read-Bytes $path 0 2
    $wide = $head.Length -eq 2 -and $head[0] -eq 0xFF -and $head[1] -eq 0xFE
    $encoding = if ($wide) { [Text.Encoding]::Unicode } else { [Text.Encoding]::Default }
    $encoding.GetString((Read-Bytes $path $start 4096))
}

function Get-Progress($path) {
    $text = Read-Tail $path
    # The wrapper's own lines say nothing of how far it is.
    $lines = @($text -split "[\r\n]+" | ForEach-Object { ($_ -replace '[\x00-\x1f\x7f\ufeff]', ' ').Trim() } | Where-Object { $_ -and $_ -cnotlike 'nps: *' })
    $last = if ($lines.Count) { $lines[-1].Substring(0, [Math]::Min(300, $lines[-1].Length)) }
    $percents = @([regex]::Matches($text, '(?<!\d)(100|\d{1,2})\s?%'))
    @{ line = $last; percent = $(if ($percents.Count) { [int]$percents[-1].Groups[1].Value }) }
}

# Seconds of CPU of all that came of it and lives, and of Windows Installer's own processes, which work for it.
function Get-Cpu($mark) {
    $own = @($mark.children | Where-Object { $_ } | ForEach-Object { Find-Process $_.pid $_.started })
    $all = @($own + [Diagnostics.Process]::GetProcessesByName('msiexec') | Where-Object { $_ } | Sort-Object Id -Unique)
    $seconds = 0.0
    # One that has just ended has none.
    foreach ($process in $all) { try { $seconds += $process.TotalProcessorTime.TotalSeconds } catch { continue } }
    [Math]::Round($seconds, 2)
}

function Watch-Installer($call) {
    Assert-MarkName $call.mark
    $classesOf.Clear()
    $log = Get-LogPath $call.mark.name
    $null = Wait-For $call.seconds { -not (Read-Mark $call.mark.name).alive -or (Get-Size $log) - $call.offset -ge $chunk }
    $mark = Read-Mark $call.mark.name
    if (-not $mark) { Stop-Verb 'absent' "There is no mark $($call.mark.name)." }
    $bytes = Read-Bytes $log $call.offset $chunk
    $progress = Get-Progress $log
    @{
        mark = (Format-Mark $mark); log = [Convert]::ToBase64String($bytes); offset = $call.offset + $bytes.Length
        line = $progress.line; percent = $progress.percent; clock = [DateTime]::UtcNow.ToString('o')
        children = @($mark.children | Where-Object { $_ }).Count; cpu = (Get-Cpu $mark)
    }
}

# --- Giving up, and ending

function Stop-Attempt($call) {
    $mark = $call.mark
    Assert-MarkName $mark
    $there = Read-Mark $mark.name
    if ($there) { return @{ changed = $false; mark = (Format-Mark $there) } }
    New-PrivateFolder $nps
    New-PrivateFolder "$nps\marks"
    $path = "$nps\marks\$($mark.name).json"
    $given = @{ name = $mark.name; store = $mark.store; run = $mark.run; step = $mark.step; attempt = $mark.attempt; state = 'given_up' }
    # Whoever moves first has the name: the wrapper then never begins.
    $taken = Write-New $path (ConvertTo-Line $given)
    if ($taken) { Remove-Task $mark.name }
    @{ changed = $taken; mark = (Format-Mark (Read-Mark $mark.name)) }
}

# Their ids, parents first; what started before a process is no child of it, but of one that had its id before.
function Get-Descendants($roots) {
    $all = @(Get-CimInstance Win32_Process)
    $family = @($all | Where-Object { $roots -contains [int]$_.ProcessId })
    do {
        $all = @($all | Where-Object { $family -notcontains $_ })
        $new = @(foreach ($row in $all) { if (@($family | Where-Object { $_.ProcessId -eq $row.ParentProcessId -and $_.CreationDate -le $row.CreationDate }).Count) { $row } })
        $family += $new
        foreach ($row in $new) { [int]$row.ProcessId }
    } while ($new.Count)
}

function Stop-Installer($call) {
    Assert-MarkName $call.mark
    $mark = Read-Mark $call.mark.name
    if (-not $mark) { Stop-Verb 'absent' "There is no mark $($call.mark.name)." }
    $was = $mark.alive
    if ($was) { Stop-Tree $mark }
    # Also where an earlier call was cut off between the two; what ended by itself has said so.
    $told = if ($mark.state -eq 'started') { Write-Ended $mark.name $call.by } else { $false }
    if ($was -or $told) { Remove-Task $mark.name }
    @{ changed = ($was -or $told); mark = (Format-Mark (Read-Mark $mark.name)) }
}

function Stop-Tree($mark) {
    $known = @(@{ pid = $mark.pid; started = $mark.pid_started }) + @($mark.children | Where-Object { $_ })
    $alive = @($known | Where-Object { Find-Process $_.pid $_.started })
    $below = @(Get-Descendants @($alive | ForEach-Object { $_.pid }) | ForEach-Object { Get-Process -Id $_ -ErrorAction SilentlyContinue })
    $name = [IO.Path]::GetFileNameWithoutExtension($mark.path)
    $same = @([Diagnostics.Process]::GetProcessesByName($name) | Where-Object { $_.Path -eq $mark.path })
    # The wrapper first, or it would tell of an installer that ended by itself.
    $listed = $alive + @($below + $same | ForEach-Object { @{ pid = $_.Id; started = (Get-StartTime $_) } })
    $null = Stop-Listed $listed
    $gone = Wait-For 30 { -not (Read-Mark $mark.name).alive }
    if (-not $gone) { Stop-Verb 'failed' "A process of $($mark.name) still runs 30 s after its end was asked for." }
}

# Whoever moves first has the name: a wrapper that came to its end meanwhile has written its own.
function Write-Ended($name, $by) {
    Write-New "$nps\marks\$name.end" (ConvertTo-Line @{ state = 'ended'; by = "$by"; finished = [DateTime]::UtcNow.ToString('o') })
}

$verbs['start_installer'] = { param($call) Invoke-Act $call { param($call) Start-Installer $call } }
$verbs['prepare'] = { param($call) Invoke-Act $call { param($call) Register-Ahead $call } }
$verbs['watch'] = { param($call) Watch-Installer $call }
$verbs['give_up'] = { param($call) Invoke-Act $call { param($call) Stop-Attempt $call } }
$verbs['end_installer'] = { param($call) Invoke-Act $call { param($call) Stop-Installer $call } }
