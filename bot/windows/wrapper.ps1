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

# Get-Process would load its module first, half a second.
function Find-Process($id) { try { [Diagnostics.Process]::GetProcessById($id) } catch [ArgumentException] { $null } }

# Whole or not at all, and only where nothing has that name: what is written is never written again, so that no reader finds it gone.
function Write-Once($path, $value) {
    [IO.File]::WriteAllText($aside, (ConvertTo-Json -InputObject $value -Depth 5 -Compress))
    [IO.File]::Move($aside, $path)
}

# Held open until all has ended: whoever could write there can't swap what was hashed for what is started.
function Open-Approved {
    $file = New-Object IO.FileStream $job.path, 'Open', 'Read', 'Read'
    $sha256 = [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($file)).Replace('-', '')
    if ($sha256 -eq $job.sha256) { return $file }
    $file.Dispose()
    [IO.File]::AppendAllText("$nps\logs\$name.log", "Nothing was started: $($job.path) is not the file that was approved any more, its SHA-256 is $($sha256.ToLowerInvariant()).`r`n")
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

# All that ever came of the program, by parent, to the last grandchild.
function Find-Children {
    $left = @(Get-CimInstance Win32_Process)
    $there = New-Object 'Collections.Generic.HashSet[int]'
    foreach ($row in $left) { $null = $there.Add([int]$row.ProcessId) }
    do {
        $below = @($left | Where-Object { $family.Contains([int]$_.ParentProcessId) -or -not $there.Contains([int]$_.ParentProcessId) })
        $left = @($left | Where-Object { $below -notcontains $_ })
        foreach ($row in $below) {
            # Its time from here, as everywhere: WMI's is less exact, and the two must compare. One that is gone by now may have left children.
            $process = Find-Process $row.ProcessId
            if ($process -and ($process.StartTime -lt $program.StartTime -or $process.SessionId -ne $session)) { continue }
            if (-not $family.Contains([int]$row.ParentProcessId) -and -not ($process -and (Test-LeftBehind $process))) { continue }
            $null = $family.Add([int]$row.ProcessId)
            $started = if ($process) { Format-Time $process.StartTime }
            $known = @($children | Where-Object { $_.pid -eq $row.ProcessId -and $_.started -eq $started }).Count
            if ($process -and -not $known) { @{ pid = [int]$row.ProcessId; started = $started } }
        }
    } while ($below.Count)
}

function Add-Children($new) {
    $script:children += $new
    [IO.File]::AppendAllText("$base.children", -join @($new | ForEach-Object { "$($_.pid) $($_.started)`n" }))
}

# Asking for parents is slow, so it is done only when there are processes that were not there at the last look.
function Update-Children {
    $now = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
    $fresh = @($now | Where-Object { $seen -notcontains $_ }).Count
    $script:seen = $now
    if (-not $fresh) { return }
    $new = @(Find-Children)
    if ($new.Count) { Add-Children $new }
}

function Test-ChildAlive {
    foreach ($child in $children) {
        $process = Find-Process $child.pid
        if ($process -and (Format-Time $process.StartTime) -eq $child.started) { return $true }
    }
    $false
}

function Get-Pause($since) { if ($since.Elapsed.TotalSeconds -lt 30) { 100 } else { 500 } }

function Invoke-Program {
    $output = [IO.Stream]::Synchronized((New-Object IO.FileStream $job.output, 'Create', 'Write', 'ReadWrite, Delete', 1))
    $script:seen = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
    $program = Start-Program
    $script:seen += $program.Id
    $null = $family.Add($program.Id)
    Add-Children @(@{ pid = $program.Id; started = (Format-Time $program.StartTime) })
    $copies = @($program.StandardOutput, $program.StandardError | ForEach-Object { $_.BaseStream.CopyToAsync($output) })
    # Bootstrappers leave their work to others within seconds, each of which is known only by its parent: at first the looks are close.
    $since = [Diagnostics.Stopwatch]::StartNew()
    do { Update-Children } until ($program.WaitForExit((Get-Pause $since)))
    Update-Children
    while (Test-ChildAlive) { Start-Sleep -Milliseconds (Get-Pause $since); Update-Children }
    # Nobody is left who could write; an inherited handle elsewhere must not hold this up.
    $null = [Threading.Tasks.Task]::WaitAll([Threading.Tasks.Task[]]$copies, 5000)
    $output.Dispose()
    $program.ExitCode
}

function Invoke-Approved {
    $file = Open-Approved
    # Windows' own number for a file whose hash is not the expected one.
    if (-not $file) { return 577 }
    try { Invoke-Program } finally { $file.Dispose() }
}

$children = @()
$session = [Diagnostics.Process]::GetCurrentProcess().SessionId
$family = New-Object 'Collections.Generic.HashSet[int]'
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
    $mine = try { Write-Once "$base.json" $mark; $true } catch [IO.IOException] { $false }
    if ($mine) {
        $code = Invoke-Approved
        Write-Once "$base.end" @{ state = 'finished'; code = $code; finished = [DateTime]::UtcNow.ToString('o') }
    }
} catch {
    [IO.File]::AppendAllText("$nps\logs\$name.log", "`r`nThe wrapper failed: $($_.Exception.GetBaseException().Message)`r`n")
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
