# What the host is busy with, short of, or about to do at its next start. Reads only.

# What is renamed or deleted (no target) at the next start, where the product's folder is concerned.
function Get-PendingRenames($folder) {
    if (-not $folder) { return }
    $manager = Read-Key (Open-Machine 'Registry64') 'SYSTEM\CurrentControlSet\Control\Session Manager'
    foreach ($name in 'PendingFileRenameOperations', 'PendingFileRenameOperations2') {
        $paths = @($manager[$name]) -replace '^!?\\\?\?\\', ''
        for ($i = 0; $i + 1 -lt $paths.Length; $i += 2) {
            $pair = $paths[$i, ($i + 1)]
            if (@($pair | Where-Object { $_.StartsWith("$folder\", [StringComparison]::OrdinalIgnoreCase) }).Count) { @{ source = $pair[0]; target = $pair[1] } }
        }
    }
}

# Renames anywhere else are left out: there are some on most servers, of no installer of ours.
function Get-RebootReasons($renames) {
    $machine = Open-Machine 'Registry64'
    $windows = 'SOFTWARE\Microsoft\Windows\CurrentVersion'
    if ($machine.OpenSubKey("$windows\Component Based Servicing\RebootPending")) { 'component servicing' }
    if ($machine.OpenSubKey("$windows\WindowsUpdate\Auto Update\RebootRequired")) { 'Windows Update' }
    if ($machine.OpenSubKey('SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache\RestartRequired')) { 'roles and features' }
    $updates = foreach ($view in '32', '64') { Read-Key (Open-Machine "Registry$view") 'SOFTWARE\Microsoft\Updates' }
    if (@($updates | Where-Object { $_['UpdateExeVolatile'] }).Count) { 'an update' }
    if (@($renames).Count) { 'pending file renames' }
    $names = 'SYSTEM\CurrentControlSet\Control\ComputerName'
    $active = Read-Key $machine "$names\ActiveComputerName"
    $next = Read-Key $machine "$names\ComputerName"
    if ($active -and $next -and $active['ComputerName'] -ne $next['ComputerName']) { 'computer rename' }
}

# Whether Windows Installer works for anybody; it holds this mutex meanwhile. One that we may not open is somebody's too.
function Test-MsiBusy {
    $mutex = $null
    try { $exists = [Threading.Mutex]::TryOpenExisting('Global\_MSIExecute', [ref]$mutex) } catch [UnauthorizedAccessException] { return $true }
    if (-not $exists) { return $false }
    try { $free = $mutex.WaitOne(0) } catch [Threading.AbandonedMutexException] { $free = $true }
    if ($free) { $mutex.ReleaseMutex() }
    $mutex.Dispose()
    -not $free
}

function Get-DriveFacts($paths) {
    $roots = $paths | Where-Object { "$_" -match '^[A-Za-z]:' } | ForEach-Object { $_.Substring(0, 2).ToUpperInvariant() } | Select-Object -Unique
    foreach ($root in $roots) {
        $drive = New-Object IO.DriveInfo $root
        if ($drive.IsReady) { @{ name = $root; free = $drive.AvailableFreeSpace } }
    }
}

# What DCOM's hardening (KB5004442) has refused, newest first; asked for by name, because a log is slow to read.
function Get-DcomEvents {
    $query = "*[System[Provider[@Name='Microsoft-Windows-DistributedCOM'] and (EventID=10036 or EventID=10037 or EventID=10038)]]"
    $reader = $null
    try {
        $asked = New-Object Diagnostics.Eventing.Reader.EventLogQuery 'System', 'LogName', $query
        $asked.ReverseDirection = $true
        $reader = New-Object Diagnostics.Eventing.Reader.EventLogReader $asked
        $newest = $entry = $reader.ReadEvent()
        for ($count = 0; $entry -and $count -lt 1000; $count++) { $entry = $reader.ReadEvent() }
        @{ count = $count; newest = $(if ($newest) { Format-Time $newest.TimeCreated }) }
    } catch {
        @{ unread = $_.Exception.GetBaseException().Message }
    } finally {
        if ($reader) { $reader.Dispose() }
    }
}
