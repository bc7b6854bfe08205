# Runs one installer in a task of its own. Makes the mark, first and exclusively, and ends it; nothing else ever writes 'started' or 'finished'.
param($name)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$nps = "$env:ProgramData\nps"
$path = "$nps\marks\$name.json"
$aside = "$path.$PID.tmp"

function Format-Time($time) { if ($time) { $time.ToUniversalTime().ToString('o') } }

function Write-Aside { [IO.File]::WriteAllText($aside, (ConvertTo-Json -InputObject $mark -Depth 5 -Compress)) }

# A reader may hold it for a moment.
function Update-Mark {
    Write-Aside
    for ($try = 1; ; $try++) {
        try { return [IO.File]::Replace($aside, $path, [NullString]::Value) } catch { if ($try -ge 100) { throw } }
        Start-Sleep -Milliseconds 50
    }
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

# All that ever came of the program, by parent: those that end between two looks are missed, their children are not as long as they live.
function Find-Children {
    $ids = @($program.Id) + @($mark.children | ForEach-Object { $_.pid })
    foreach ($row in Get-CimInstance Win32_Process | Where-Object { $ids -contains [int]$_.ParentProcessId }) {
        # Its time from here, as everywhere: WMI's is less exact, and the two must compare.
        $process = Get-Process -Id $row.ProcessId -ErrorAction SilentlyContinue
        $started = if ($process) { Format-Time $process.StartTime }
        $known = @($mark.children | Where-Object { $_.pid -eq $row.ProcessId -and $_.started -eq $started }).Count
        if ($started -and -not $known -and $process.StartTime -ge $program.StartTime) { @{ pid = [int]$row.ProcessId; started = $started } }
    }
}

# Asking for parents is slow, so it is done only when there are processes that were not there at the last look.
function Update-Children {
    $now = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
    $fresh = @($now | Where-Object { $seen -notcontains $_ }).Count
    $script:seen = $now
    if (-not $fresh) { return }
    $new = @(Find-Children)
    if (-not $new.Count) { return }
    $mark.children = @($mark.children) + $new
    Update-Mark
}

function Test-ChildAlive {
    foreach ($child in $mark.children) {
        $process = Get-Process -Id $child.pid -ErrorAction SilentlyContinue
        if ($process -and (Format-Time $process.StartTime) -eq $child.started) { return $true }
    }
    $false
}

function Invoke-Program {
    $output = [IO.Stream]::Synchronized((New-Object IO.FileStream $job.output, 'Create', 'Write', 'ReadWrite, Delete', 1))
    $script:seen = @([Diagnostics.Process]::GetProcesses() | ForEach-Object { $_.Id })
    $program = Start-Program
    $script:seen += $program.Id
    $mark.children = @(@{ pid = $program.Id; started = (Format-Time $program.StartTime) })
    Update-Mark
    $copies = @($program.StandardOutput, $program.StandardError | ForEach-Object { $_.BaseStream.CopyToAsync($output) })
    do { Update-Children } until ($program.WaitForExit(500))
    Update-Children
    while (Test-ChildAlive) { Start-Sleep -Milliseconds 500; Update-Children }
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

try {
    $job = ConvertFrom-Json -InputObject ([IO.File]::ReadAllText("$nps\tasks\$name.json"))
    $mark = @{
        name = $name; store = $job.mark.store; run = $job.mark.run; step = $job.mark.step; attempt = $job.mark.attempt; path = $job.path
        state = 'started'; started = [DateTime]::UtcNow.ToString('o'); pid = $PID; pid_started = (Format-Time (Get-Process -Id $PID).StartTime); children = @()
    }
    Write-Aside
    # Whoever has the name runs the installer: a second wrapper, or one that was given up, ends here.
    $mine = try { [IO.File]::Move($aside, $path); $true } catch [IO.IOException] { $false }
    if ($mine) {
        $mark.code = Invoke-Approved
        $mark.finished = [DateTime]::UtcNow.ToString('o')
        $mark.state = 'finished'
        Update-Mark
    }
} catch {
    [IO.File]::AppendAllText("$nps\logs\$name.log", "`r`nThe wrapper failed: $($_.Exception.GetBaseException().Message)`r`n")
    exit 1
} finally {
    if ([IO.File]::Exists($aside)) { [IO.File]::Delete($aside) }
    if ($mine) {
        Unregister-ScheduledTask -TaskPath '\nps\' -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
        foreach ($file in "$name.ps1", "$name.json") { [IO.File]::Delete("$nps\tasks\$file") }
    }
}
