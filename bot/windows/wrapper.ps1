# Runs one installer in a task of its own. Makes the mark, first and exclusively, and ends it; nothing else ever writes 'started' or 'finished'.
param($name)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$nps = "$env:ProgramData\nps"
$base = "$nps\marks\$name"
$aside = "$base.$PID.tmp"

# Begun ahead of its time it waits for its job, the last thing that is written; in vain where that takes long or the attempt was given up.
function Wait-ForJob {
    $since = [Diagnostics.Stopwatch]::StartNew()
    while (-not [IO.File]::Exists("$nps\tasks\$name.json")) {
        if ([IO.File]::Exists("$base.json") -or $since.Elapsed.TotalMinutes -ge 10) { return $false }
        Start-Sleep -Milliseconds 100
    }
    $true
}

function Format-Time($time) { if ($time) { $time.ToUniversalTime().ToString('o') } }

# Nothing, too, where a process that is just ending can't be asked. Get-Process would load its module first, half a second.
function Find-Process($id) { try { [Diagnostics.Process]::GetProcessById($id) } catch { $null } }

function Get-Start($process) { try { $process.StartTime.ToUniversalTime() } catch { $null } }

function Save-Aside($value) {
    $bytes = (New-Object Text.UTF8Encoding).GetBytes((ConvertTo-Json -InputObject $value -Depth 5 -Compress))
    $file = New-Object IO.FileStream $aside, 'Create', 'Write', 'None'
    # On the drive before it has its name: a power cut must not leave a mark with nothing in it.
    try { $file.Write($bytes, 0, $bytes.Length); $file.Flush($true) } finally { $file.Dispose() }
}

# Whole or not at all, and only where nothing has that name, which is the answer: what is written is never written again, so that no reader
# finds it gone. What looks at every new file holds it for a moment, which says nothing of the name.
function Write-Once($path, $value) {
    $since = [Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        try { Save-Aside $value; [IO.File]::Move($aside, $path); return $true } catch {
            if ([IO.File]::Exists($path)) { return $false }
            if ($since.Elapsed.TotalSeconds -ge 60) { throw }
        }
        Start-Sleep -Milliseconds 200
    }
}

# For people; that it can't be written must not matter.
function Write-Log($text) { try { [IO.File]::AppendAllText("$nps\logs\$name.log", "`r`n$text`r`n") } catch { $null = $_ } }

# Held open until all has ended: whoever could write there can't swap what was hashed for what is started.
function Open-Approved {
    $file = New-Object IO.FileStream $job.path, 'Open', 'Read', 'Read'
    $sha256 = [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($file)).Replace('-', '')
    if ($sha256 -eq $job.sha256) { return $file }
    $file.Dispose()
    Write-Log "Nothing was started: $($job.path) is not the file that was approved any more, its SHA-256 is $($sha256.ToLowerInvariant())."
}

function Start-Program {
    $info = New-Object Diagnostics.ProcessStartInfo $job.program, $job.arguments
    $info.UseShellExecute = $false
    $info.CreateNoWindow = $true
    $info.RedirectStandardOutput = $true
    $info.RedirectStandardError = $true
    $info.WorkingDirectory = $job.folder
    [Diagnostics.Process]::Start($info)
}

# A process whose parent is gone had one that came and went between two looks, where it is what bootstrappers leave behind: something
# beside the package, unpacked to a temporary folder, or Windows Installer. Others, such as another WinRM shell's, only have lost theirs too.
function Test-LeftBehind($process) {
    $path = "$($process.Path)"
    if (-not $path) { return $false }
    $places = [IO.Path]::GetTempPath(), "$env:SystemRoot\Temp\"
    $job.folder -eq [IO.Path]::GetDirectoryName($path) -or $process.ProcessName -eq 'msiexec' -or
        @($places | Where-Object { $path.StartsWith($_, [StringComparison]::OrdinalIgnoreCase) }).Count -gt 0
}

# --- All that ever came of the program, to the last grandchild

# Ids are soon used again, so the times must fit too; `gone` is when a process was first missed, at most a look after its end.
function Test-Parent($known, $row) {
    $known.pid -eq $row.parent -and $known.start -le $row.start -and (-not $known.gone -or $row.start -le $known.gone)
}

function Test-Ours($row, $rows) {
    if ($row.start -lt $born -or ($row.process -and $row.process.SessionId -ne $session)) { return $false }
    if (@($family | Where-Object { Test-Parent $_ $row }).Count) { return $true }
    $parents = @($rows | Where-Object { $_.pid -eq $row.parent -and $_.told -le $row.told })
    $row.process -and -not $parents.Count -and (Test-LeftBehind $row.process)
}

# Of one that is gone by now, and may have left children, there is only WMI's time, which is less exact and may be off where clocks change.
function Read-Processes {
    foreach ($row in Get-CimInstance Win32_Process) {
        if (-not $row.CreationDate) { continue }
        $told = $row.CreationDate.ToUniversalTime()
        $process = if ($told -ge $born.AddHours(-2)) { Find-Process $row.ProcessId }
        $start = Get-Start $process
        if (-not $start) { $start = $told; $process = $null }
        @{ pid = [int]$row.ProcessId; parent = [int]$row.ParentProcessId; told = $told; start = $start; process = $process }
    }
}

function Test-Known($row) { @($family | Where-Object { $_.pid -eq $row.pid -and $_.start -eq $row.start }).Count -gt 0 }

function Add-Known($id, $start, $gone) { $null = $family.Add(@{ pid = $id; start = $start; gone = $gone; saved = [bool]$gone }) }

function Find-Children {
    $rows = @(Read-Processes)
    $left = @($rows | Where-Object { -not (Test-Known $_) })
    do {
        $new = @($left | Where-Object { Test-Ours $_ $rows })
        $left = @($left | Where-Object { $new -notcontains $_ })
        foreach ($row in $new) { Add-Known $row.pid $row.start $(if (-not $row.process) { [DateTime]::UtcNow }) }
    } while ($new.Count)
}

function Save-Children {
    $new = @($family | Where-Object { -not $_.saved })
    if (-not $new.Count) { return }
    [IO.File]::AppendAllText("$base.children", -join @($new | ForEach-Object { "$($_.pid) $(Format-Time $_.start)`n" }))
    foreach ($known in $new) { $known.saved = $true }
}

function Update-Gone {
    foreach ($known in $family) {
        if (-not $known.gone -and (Get-Start (Find-Process $known.pid)) -ne $known.start) { $known.gone = [DateTime]::UtcNow }
    }
}

function Test-ChildAlive { @($family | Where-Object { -not $_.gone }).Count -gt 0 }

# Asking for parents is slow, so it is done only when there are processes that were not there at the last look. What can't be asked or
# written now is so at the next look: the installer runs on, and nothing of this may lose its exit code.
function Update-Children {
    Update-Gone
    try {
        $now = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
        if (@($now | Where-Object { $seen -notcontains $_ }).Count) { Find-Children }
        $script:seen = $now
        Save-Children
    } catch { Write-Trouble "what came of the installer could not be seen or written down: $($_.Exception.GetBaseException().Message)" }
}

# --- The program

# Into what is kept of its output; a full drive takes nothing, and that must not matter.
function Write-Line($text) {
    $bytes = [Text.Encoding]::Default.GetBytes("nps: $text`r`n")
    try { $output.Write($bytes, 0, $bytes.Length) } catch { $null = $_ }
}

function Write-Trouble($text) { if ($troubles.Add($text)) { Write-Line $text } }

# What can't be written any more is still read, or the program would wait for its reader.
function Update-Copies {
    for ($i = 0; $i -lt $copies.Count; $i++) {
        if (-not $copies[$i].IsFaulted) { continue }
        Write-Trouble "output is lost: $($copies[$i].Exception.GetBaseException().Message)"
        $copies[$i] = $streams[$i].CopyToAsync([IO.Stream]::Null)
    }
}

function Get-Pause($since) { if ($since.Elapsed.TotalSeconds -lt 30) { 100 } else { 500 } }

# Nobody is left who could write; an inherited handle elsewhere must not hold this up.
function Close-Output {
    try { $null = [Threading.Tasks.Task]::WaitAll([Threading.Tasks.Task[]]$copies, 5000); $output.Dispose() } catch {
        Write-Trouble "output is lost: $($_.Exception.GetBaseException().Message)"
    }
}

function Invoke-Program {
    $output = [IO.Stream]::Synchronized((New-Object IO.FileStream $job.output, 'Create', 'Write', 'ReadWrite, Delete', 1))
    $script:seen = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
    $program = Start-Program
    $script:seen += $program.Id
    $born = Get-Start $program
    Add-Known $program.Id $born
    $streams = @($program.StandardOutput.BaseStream, $program.StandardError.BaseStream)
    $copies = @($streams | ForEach-Object { $_.CopyToAsync($output) })
    # Bootstrappers leave their work to others within seconds, each of which is known only by its parent: at first the looks are close.
    $since = [Diagnostics.Stopwatch]::StartNew()
    do { Update-Children; Update-Copies } until ($program.WaitForExit((Get-Pause $since)))
    $code = $program.ExitCode
    # Before all that may take long or fail, for people.
    Write-Line "the installer ended with exit code $code"
    Update-Children
    while (Test-ChildAlive) { Start-Sleep -Milliseconds (Get-Pause $since); Update-Children; Update-Copies }
    Close-Output
    $code
}

function Invoke-Approved {
    $file = Open-Approved
    # Windows' own number for a file whose hash is not the expected one.
    if (-not $file) { return 577 }
    try { Invoke-Program } finally { $file.Dispose() }
}

$troubles = New-Object 'Collections.Generic.HashSet[string]'
$session = [Diagnostics.Process]::GetCurrentProcess().SessionId
$family = New-Object Collections.ArrayList
$job = $null
try {
    if (-not (Wait-ForJob)) { return }
    $job = ConvertFrom-Json -InputObject ([IO.File]::ReadAllText("$nps\tasks\$name.json"))
    $mark = @{
        name = $name; store = $job.mark.store; run = $job.mark.run; step = $job.mark.step; attempt = $job.mark.attempt; path = $job.path
        as_system = [Security.Principal.WindowsIdentity]::GetCurrent().IsSystem
        state = 'started'; started = [DateTime]::UtcNow.ToString('o'); pid = $PID; pid_started = (Format-Time ([Diagnostics.Process]::GetCurrentProcess().StartTime))
    }
    # Whoever has the name runs the installer: a second wrapper, or one that was given up, ends here.
    $mine = Write-Once "$base.json" $mark
    if ($mine) {
        $code = Invoke-Approved
        $null = Write-Once "$base.end" @{ state = 'finished'; code = $code; finished = [DateTime]::UtcNow.ToString('o') }
    }
} catch {
    Write-Log "The wrapper failed: $($_.Exception.GetBaseException().Message)"
    exit 1
} finally {
    if ([IO.File]::Exists($aside)) { [IO.File]::Delete($aside) }
    if ($mine) {
        Unregister-ScheduledTask -TaskPath '\nps\' -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
        foreach ($file in "$name.ps1", "$name.json") { [IO.File]::Delete("$nps\tasks\$file") }
    } elseif (-not $job) {
        Unregister-ScheduledTask -TaskPath '\nps\' -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
        # Last: whoever sees it gone registers the task anew.
        [IO.File]::Delete("$nps\tasks\$name.ps1")
    }
}
