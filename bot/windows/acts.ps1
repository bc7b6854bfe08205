# Small acts on the host, each under one mutex and each safe to ask for again. Decides nothing but whether there is anything to do.

# A start takes up to a minute; asked again over a new connection, it waits for itself.
$ownStart = " It is probably this run's own, which starts the installer: Retry then watches on."

function Invoke-Act($call, $body) {
    $mutex = New-Object Threading.Mutex $false, 'Global\nps-bot'
    $held = $false
    try {
        # Abandoned means that its owner died: it is ours then.
        try { $held = $mutex.WaitOne(20000) } catch [Threading.AbandonedMutexException] { $held = $true }
        if (-not $held) { Stop-Verb 'busy' "Another act has been running on this host for 20 s.$(if ($call.mark) { $ownStart })" }
        if ($call.not_after -and [DateTimeOffset]::UtcNow -gt [DateTimeOffset]::Parse($call.not_after, [Globalization.CultureInfo]::InvariantCulture)) {
            Stop-Verb 'too_late' "It was to be done by $($call.not_after)."
        }
        $classesOf.Clear()
        & $body $call
    } finally {
        if ($held) { $mutex.ReleaseMutex() }
        $mutex.Dispose()
    }
}

# The last value of the condition; gives up waiting after so many seconds.
function Wait-For($seconds, $condition) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    while (-not ($met = & $condition) -and $watch.Elapsed.TotalSeconds -lt $seconds) { Start-Sleep -Milliseconds 50 }
    $met
}

# Administrators and SYSTEM by their ids, because their names are translated.
$trusted = 'S-1-5-32-544', 'S-1-5-18'

function Get-Owner($path) { (Get-Acl -LiteralPath $path).GetOwner([Security.Principal.SecurityIdentifier]).Value }

function Test-Trusted($path) {
    $owner = Get-Owner $path
    $trusted -contains $owner -or $owner -eq [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
}

# Users may make folders in ProgramData: in one of theirs they could swap what a task of ours runs.
function Assert-Trusted($path) {
    if (-not (Test-Trusted $path)) { Stop-Verb 'denied' "$path belongs to $(Get-Owner $path), not to an administrator; remove it." }
}

function New-PrivateFolder($path) {
    if ([IO.Directory]::Exists($path)) { return Assert-Trusted $path }
    $null = [IO.Directory]::CreateDirectory($path)
    Set-Private $path
}

# Nothing is inherited from above, and all below inherits this.
function Set-Private($path) {
    $acl = New-Object Security.AccessControl.DirectorySecurity
    $acl.SetOwner((New-Object Security.Principal.SecurityIdentifier $trusted[0]))
    $acl.SetAccessRuleProtection($true, $false)
    foreach ($sid in $trusted) {
        $account = New-Object Security.Principal.SecurityIdentifier $sid
        $acl.AddAccessRule((New-Object Security.AccessControl.FileSystemAccessRule $account, 'FullControl', 'ContainerInherit, ObjectInherit', 'None', 'Allow'))
    }
    Set-Acl -LiteralPath $path -AclObject $acl
}

# On the drive before it has its name: a power cut must not leave a file with nothing in it.
function Write-Flushed($path, $text) {
    $bytes = (New-Object Text.UTF8Encoding).GetBytes($text)
    $file = New-Object IO.FileStream $path, 'Create', 'Write', 'None'
    try { $file.Write($bytes, 0, $bytes.Length); $file.Flush($true) } finally { $file.Dispose() }
}

# Whole or not at all: nobody ever reads half of it.
function Write-Whole($path, $text) {
    $aside = "$path.$PID.tmp"
    Write-Flushed $aside $text
    if ([IO.File]::Exists($path)) { [IO.File]::Replace($aside, $path, [NullString]::Value) } else { [IO.File]::Move($aside, $path) }
}

# The same, where nothing has that name, which is the answer; a scanner that holds a new file for a moment says nothing of the name.
function Write-New($path, $text) {
    $aside = "$path.$PID.tmp"
    $since = [Diagnostics.Stopwatch]::StartNew()
    try {
        while ($true) {
            try { Write-Flushed $aside $text; [IO.File]::Move($aside, $path); return $true } catch {
                if ([IO.File]::Exists($path)) { return $false }
                if ($since.Elapsed.TotalSeconds -ge 20) { throw }
            }
            Start-Sleep -Milliseconds 200
        }
    } finally { [IO.File]::Delete($aside) }
}

# --- Files, processes, services

function Rename-One($call) {
    foreach ($name in $call.old, $call.new) {
        if (-not $name -or $name -match '[\\/:*?"<>|\x00-\x1f]') { Stop-Verb 'failed' "'$name' is no file name." }
    }
    $old = "$($call.folder)\$($call.old)"
    $new = "$($call.folder)\$($call.new)"
    if (-not [IO.File]::Exists($old)) {
        if ([IO.File]::Exists($new)) { return @{ changed = $false } }
        Stop-Verb 'absent' "There is neither $($call.old) nor $($call.new) in $($call.folder)."
    }
    if ([IO.File]::Exists($new)) { [IO.File]::Move($new, "$new.$([DateTime]::UtcNow.ToString('yyyyMMddTHHmmssZ'))") }
    [IO.File]::Move($old, $new)
    @{ changed = $true }
}

# Only what is still the process that was meant.
function Stop-Listed($processes) {
    $meant = @($processes | ForEach-Object { Find-Process $_.pid $_.started } | Where-Object { $_ })
    foreach ($process in $meant) { try { $process.Kill() } catch { if (-not $process.HasExited) { throw } } }
    foreach ($process in $meant) {
        if (-not $process.WaitForExit(10000)) { Stop-Verb 'failed' "$($process.ProcessName), process $($process.Id), still runs 10 s after its end was asked for." }
    }
    $meant.Count
}

function Get-OneService($name) {
    $found = [ServiceProcess.ServiceController]::GetServices() | Where-Object { $_.ServiceName -eq $name } | Select-Object -First 1
    if (-not $found) { Stop-Verb 'absent' "There is no service '$name'." }
    $found
}

# One that is starting or stopping takes no order; never waits without end, as Stop-Service does.
function Set-Status($service, $wanted, $order) {
    $settled = Wait-For 30 { $service.Refresh(); "$($service.Status)" -notlike '*Pending' }
    if ($settled -and "$($service.Status)" -ne $wanted) { & $order $service }
    $reached = Wait-For 30 { $service.Refresh(); "$($service.Status)" -eq $wanted }
    if (-not $reached) { Stop-Verb 'failed' "Service '$($service.ServiceName)' is still $($service.Status) after 30 s, not $wanted." }
}

function Disable-One($call) {
    $service = Get-OneService $call.service
    $key = Read-Key (Open-Machine 'Registry64') "SYSTEM\CurrentControlSet\Services\$($service.ServiceName)"
    $was = "$($startModes[[int]$key['Start']]) $($service.Status)"
    if ($was -eq 'Disabled Stopped') { return @{ changed = $false } }
    Set-Service -Name $service.ServiceName -StartupType Disabled
    Set-Status $service 'Stopped' { param($it) $it.Stop() }
    @{ changed = $true }
}

function Start-One($call) {
    $service = Get-OneService $call.service
    if ("$($service.Status)" -eq 'Running') { return @{ changed = $false } }
    Set-Status $service 'Running' { param($it) $it.Start() }
    @{ changed = $true }
}

# --- DCOM

# False where there is nothing to switch off; an older value of the other name gives way.
function Disable-Value($key, $name) {
    $value = $key.GetValue($name)
    if ($null -eq $value) { return $false }
    $key.SetValue("_$name", $value)
    $key.DeleteValue($name)
    $true
}

function Disable-Server($class) {
    $key = (Open-Machine "Registry$($class.view)").OpenSubKey("SOFTWARE\Classes\CLSID\$($class.clsid)", $true)
    $on = $key.OpenSubKey('LocalServer32')
    if ($null -eq $on) { return $false }
    $off = $key.CreateSubKey('_LocalServer32')
    foreach ($name in $on.GetValueNames()) { $off.SetValue($name, $on.GetValue($name, $null, 'DoNotExpandEnvironmentNames'), $on.GetValueKind($name)) }
    $off.Close()
    $on.Close()
    $key.DeleteSubKeyTree('LocalServer32')
    $true
}

function Set-DcomLocation($call) {
    $path = "SOFTWARE\Classes\AppID\$($call.app_id)"
    if ($call.app_id -notmatch '^\{[0-9A-Fa-f-]{36}\}$') { Stop-Verb 'failed' "'$($call.app_id)' is no AppID." }
    $key = (Open-Machine 'Registry64').OpenSubKey($path, $true)
    if ($null -eq $key) { Stop-Verb 'absent' "There is no AppID $($call.app_id)." }
    $named = $key.GetValue('RemoteServerName') -ne $call.server
    if ($named) { $key.SetValue('RemoteServerName', [string]$call.server) }
    $stored = "$($key.GetValue('ActivateAtStorage'))" -eq 'Y'
    if ($stored) { $key.DeleteValue('ActivateAtStorage') }
    $changes = @($named; $stored; Disable-Value $key 'LocalService'; Find-Classes $call.app_id | ForEach-Object { Disable-Server $_ })
    $key.Close()
    @{ changed = $changes -contains $true }
}

$verbs['rename_file'] = { param($call) Invoke-Act $call { param($call) Rename-One $call } }
$verbs['end_process'] = { param($call) Invoke-Act $call { param($call) @{ changed = (Stop-Listed $call.processes) -gt 0 } } }
$verbs['disable_service'] = { param($call) Invoke-Act $call { param($call) Disable-One $call; Remove-Note $call.service } }
$verbs['start_service'] = { param($call) Invoke-Act $call { param($call) Start-One $call; Remove-Note $call.service } }
$verbs['set_dcom_location'] = { param($call) Invoke-Act $call { param($call) Set-DcomLocation $call } }
