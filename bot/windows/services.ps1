# Services stopped and restarted: each waits for its end, and is done only once.

# Before a stop that is to be followed by a start.
function Assert-Restartable($service) {
    if ((Get-StatusFacts $service).start_mode -eq 'Disabled') { Stop-Verb 'failed' "Service '$($service.ServiceName)' is disabled, and would not start again. It was left as it is." }
}

# Windows would stop those that depend on it too, and nobody would start them again.
function Assert-Alone($service) {
    $others = @($service.DependentServices | Where-Object { "$($_.Status)" -ne 'Stopped' } | ForEach-Object { $_.DisplayName })
    if ($others.Count) { Stop-Verb 'in_use' "Other services depend on $($service.ServiceName) and would stop with it: $($others -join ', '). Stop them first, and start them afterwards." }
}

function Get-StatusFacts($service) {
    $image = Get-Program (Read-Key (Open-Machine 'Registry64') "SYSTEM\CurrentControlSet\Services\$($service.ServiceName)")['ImagePath']
    Get-ServiceFacts $service @(Get-ProcessFacts ([IO.Path]::GetFileName($image)) $image)
}

# Also its process is gone then, and with it what it held open.
function Stop-Fully($service) {
    Assert-Alone $service
    $was = Get-StatusFacts $service
    Set-Status $service 'Stopped' { param($it) $it.Stop() }
    $gone = -not $was.pid -or (Wait-For 20 { -not (Find-Process $was.pid $was.started) })
    if (-not $gone) { Stop-Verb 'failed' "Service '$($service.ServiceName)' says that it is stopped, but its process $($was.pid) still runs 20 s later." }
}

function Stop-One($call) {
    $service = Get-OneService $call.service
    if ("$($service.Status)" -eq 'Stopped') { return @{ changed = $false } }
    Stop-Fully $service
    @{ changed = $true }
}

# `since` is the host's clock when the attempt began: what was started after it is this very restart.
function Restart-One($call) {
    $service = Get-OneService $call.service
    $now = Get-StatusFacts $service
    if ($now.state -eq 'Running' -and $now.started -and [string]::CompareOrdinal($now.started, $call.since) -gt 0) { return @{ changed = $false } }
    Assert-Restartable $service
    if ($now.state -ne 'Stopped') { Stop-Fully $service }
    Set-Status $service 'Running' { param($it) $it.Start() }
    @{ changed = $true }
}

# After an order of its own the service is as it was ordered, whatever a copy had left.
function Remove-Note($service) { if ((Read-Note).service -eq $service) { [IO.File]::Delete($note) } }

$verbs['stop_service'] = { param($call) Invoke-Act $call { param($call) Stop-One $call; Remove-Note $call.service } }
$verbs['restart_service'] = { param($call) Invoke-Act $call { param($call) Restart-One $call; Remove-Note $call.service } }
