# Backups: copied and proven, the older ones removed, and put back. A manifest is written when all is proven; without it there is no backup.

$reserve = 64MB
$most = 3
# What a service may stand still for a copy, in seconds: with its stop and its start that is less than the bot waits for the act.
$standstill = 120

# --- Copies

# Relative to the folder, those of folders each.
function Get-RelativeNames($folder, $names) {
    foreach ($name in $names) {
        if ([IO.File]::Exists("$folder\$name")) { $name; continue }
        if (-not [IO.Directory]::Exists("$folder\$name")) { Stop-Verb 'absent' "There is no $name in $folder." }
        foreach ($path in [IO.Directory]::GetFiles("$folder\$name", '*', 'AllDirectories')) { $path.Substring($folder.Length + 1) }
    }
}

# Also of a file that a service holds open for writing.
function Copy-Shared($from, $to, $until) {
    $null = [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($to))
    $source = New-Object IO.FileStream $from, 'Open', 'Read', 'ReadWrite, Delete'
    try {
        $target = New-Object IO.FileStream $to, 'Create', 'Write', 'None'
        try {
            Read-Pieces $source $until { param($bytes, $got) $target.Write($bytes, 0, $got) }
            $target.Flush($true)
        } finally { $target.Dispose() }
    } finally { $source.Dispose() }
}

# For all of them, and one once more in a scratch folder.
function Assert-Room($folder, $paths) {
    $sizes = $paths | ForEach-Object { (New-Object IO.FileInfo $_).Length } | Measure-Object -Sum -Maximum
    $drive = New-Object IO.DriveInfo ([IO.Path]::GetPathRoot($folder))
    $needed = $sizes.Sum + $sizes.Maximum + $reserve
    if ($drive.AvailableFreeSpace -ge $needed) { return }
    $told = '{0:n0} MB are needed on {1} and {2:n0} MB are free' -f ($needed / 1MB), $drive.Name, ($drive.AvailableFreeSpace / 1MB)
    Stop-Verb 'failed' "There is no room for the copies: $told. Nothing was copied."
}

# One that is written meanwhile is torn; it is copied again, and where it is written all the time people decide.
function Copy-Proven($from, $to, $name, $stopped, $until) {
    for ($try = 1; $try -le $most; $try++) {
        try { $before = Get-Sha256 $from $until; Copy-Shared $from $to $until } catch {
            if ((Get-Kind $_.Exception) -ne 'in_use') { throw }
            Stop-Verb 'in_use' "$name is held open by a program that lets nobody read it.$(if (-not $stopped) { $propose })"
        }
        if ((Get-Sha256 $to $until) -eq $before -and (Get-Sha256 $from $until) -eq $before) {
            return @{ name = $name; size = (New-Object IO.FileInfo $to).Length; sha256 = $before }
        }
        Start-Sleep -Seconds 1
    }
    Stop-Verb 'failed' "$name changed while it was copied, $most times.$(if ($stopped) { ' The service is stopped: something else writes it.' } else { $propose })"
}

$propose = ' Set stop_service = true for the environment in nps.toml, restart the bot and ask for the run again: the service is then stopped for the copy.'

function Test-Restore($backup, $file) {
    $scratch = "$backup\restored-$([Guid]::NewGuid())"
    try {
        Copy-Shared "$backup\$($file.name)" "$scratch\$($file.name)"
        if ((Get-Sha256 "$scratch\$($file.name)") -ne $file.sha256) { Stop-Verb 'failed' "$($file.name) was restored as something else." }
    } finally {
        if ([IO.Directory]::Exists($scratch)) { [IO.Directory]::Delete($scratch, $true) }
    }
}

# A frontend that asks for the application by DCOM starts its service, unless that is disabled.
function Assert-Still($service) {
    $service.Refresh()
    if ("$($service.Status)" -ne 'Stopped') { Stop-Verb 'failed' "Service '$($service.ServiceName)' was started meanwhile, by a frontend's call or by somebody; what it wrote may be torn." }
}

function Assert-Folder($call) { if (-not $call.folder) { Stop-Verb 'absent' 'The product folder was not found: its service is not there.' } }

# The service is started again whatever the block did; where not even that comes about, the note tells whoever looks next.
function Invoke-Stopped($name, $to, $body) {
    $service = Get-OneService $name
    $ours = (Get-LeftStopped).service -eq $service.ServiceName
    if ("$($service.Status)" -ne 'Stopped') {
        Assert-Restartable $service
        Write-Whole $note (ConvertTo-Line @{ service = $service.ServiceName; folder = $to; since = [DateTime]::UtcNow.ToString('o') })
        $ours = $true
    }
    $fault = $null
    try {
        if ("$($service.Status)" -ne 'Stopped') { Stop-Fully $service }
        & $body
        Assert-Still $service
    } catch { $fault = Get-Fault $_ '' }
    if ($ours) {
        try { Set-Status $service 'Running' { param($it) $it.Start() } } catch {
            Stop-Verb 'failed' "$(if ($fault) { "$($fault.message) " })The service was stopped for the copy and could not be started again: $((Get-Fault $_ '').message)"
        }
        [IO.File]::Delete($note)
    }
    if ($fault) { Stop-Verb $fault.kind "$($fault.message)$(if ($ours) { ' The service runs again.' })" }
}

# What a copy that was cut off has left stopped; nothing where somebody has started it since.
function Start-LeftStopped {
    $left = Get-LeftStopped
    if ($left) { Set-Status (Get-OneService $left.service) 'Running' { param($it) $it.Start() } }
    [IO.File]::Delete($note)
    @{ changed = [bool]$left }
}

# --- Older ones

# This environment's folders beside this run's own; never one that a user of the host made or that only points elsewhere.
function Find-Folders($call, $to) {
    foreach ($path in [IO.Directory]::GetDirectories([IO.Path]::GetDirectoryName($to))) {
        $name = [IO.Path]::GetFileName($path)
        if ($name -notmatch "^$([regex]::Escape($call.family))-[0-9]+(\..+)?$" -or $path -eq $to) { continue }
        if (([IO.File]::GetAttributes($path) -band [IO.FileAttributes]::ReparsePoint) -or -not (Test-Trusted $path)) { continue }
        $path
    }
}

# Whether this store wrote it, for that folder, or for one that was moved aside since.
function Test-Written($told, $call, $path) {
    $told -and "$($told.store)" -eq "$($call.store)" -and ($path -eq $told.folder -or "$path".StartsWith("$($told.folder)."))
}

# With a manifest of ours: all but the newest.
function Get-Older($call, $folders) {
    $found = foreach ($path in $folders) {
        $manifest = try { Get-BackupFacts $path } catch { $null }
        if (-not (Test-Written $manifest $call $path) -or -not $manifest.proven -or -not $manifest.files) { continue }
        $made = if ($manifest.made) { $manifest.made } else { Format-Time ([IO.File]::GetLastWriteTimeUtc("$path\manifest.json")) }
        [pscustomobject]@{ path = $path; made = $made }
    }
    @($found | Where-Object { $_ } | Sort-Object made -Descending | Select-Object -Skip ($call.keep - 1) | ForEach-Object { $_.path })
}

# Copies that were never finished, which hold secrets too.
function Get-Unfinished($call, $folders) {
    foreach ($path in $folders) {
        $begun = "$path\unfinished.json"
        if (-not [IO.File]::Exists($begun) -or [IO.File]::Exists("$path\manifest.json")) { continue }
        if ([IO.File]::GetLastWriteTimeUtc($begun) -ge [DateTime]::UtcNow.AddDays(-90)) { continue }
        $told = try { Read-Json (Read-Text $begun) } catch { $null }
        if (Test-Written $told $call $path) { $path }
    }
}

# Never enters what only points elsewhere: of that, only the pointer goes.
function Remove-Content($folder, $last) {
    foreach ($path in [IO.Directory]::GetFileSystemEntries($folder)) {
        $attributes = [IO.File]::GetAttributes($path)
        if (-not ($attributes -band [IO.FileAttributes]::Directory)) { if ($last -notcontains $path) { [IO.File]::Delete($path) }; continue }
        if (-not ($attributes -band [IO.FileAttributes]::ReparsePoint)) { Remove-Content $path }
        [IO.Directory]::Delete($path)
    }
}

# What tells that it is ours goes last, so that a half removed one is still known.
function Remove-Backup($path) {
    $last = "$path\manifest.json", "$path\unfinished.json"
    Remove-Content $path $last
    foreach ($file in $last) { [IO.File]::Delete($file) }
    [IO.Directory]::Delete($path)
}

# None that a rollback wants.
function Remove-Older($call, $to) {
    $told = @{ removed = @(); left = @() }
    if (-not $call.keep) { return $told }
    $folders = @(Find-Folders $call $to)
    $unfinished = @(Get-Unfinished $call $folders)
    foreach ($path in @(Get-Older $call $folders) + $unfinished) {
        $name = [IO.Path]::GetFileName($path)
        if ($call.spared -contains $name) { continue }
        try { Remove-Backup $path; $told.removed += "$name$(if ($unfinished -contains $path) { ' (never finished)' })" } catch {
            $told.left += "$($name): $($_.Exception.GetBaseException().Message)"
        }
    }
    $told
}

# --- A backup

# Another store counts its runs anew: its folder of the same name is no backup of this run.
function Move-Foreign($to, $there) {
    $aside = "$to.$(if ($there.store) { $there.store } else { 'older' })"
    if ([IO.Directory]::Exists($aside)) { $aside += [DateTime]::UtcNow.ToString('.yyyyMMddTHHmmssZ') }
    [IO.Directory]::Move($to, $aside)
}

function Copy-All($call, $folder, $to, $names) {
    $copied = New-Object Collections.ArrayList
    $within = if ($null -ne $call.standstill) { $call.standstill } else { $standstill }
    $copy = {
        $until = if ($call.stop) { [DateTime]::UtcNow.AddSeconds($within) }
        foreach ($name in $names) { $null = $copied.Add((Copy-Proven "$folder\$name" "$to\$name" $name $call.stop $until)) }
    }
    if ($call.stop) { Invoke-Stopped $call.service $to $copy } else { & $copy }
    $copied
}

function Backup-Files($call) {
    Assert-Folder $call
    $folder = $call.folder.TrimEnd('\')
    $to = $call.to.TrimEnd('\')
    $there = Get-BackupFacts $to
    if ($there -and "$($there.store)" -ne "$($call.store)") { Move-Foreign $to $there; $there = $null }
    $saved = @($there.files | Where-Object { $_ } | ForEach-Object { $_.name.Split('\')[0] })
    if ($there.proven -and -not @($call.files | Where-Object { $saved -notcontains $_ }).Count) { return @{ changed = $false } }
    $names = @(Get-RelativeNames $folder $call.files)
    if (-not $names.Count) { Stop-Verb 'failed' 'No file was named that could be copied.' }
    Assert-Room $to @($names | ForEach-Object { "$folder\$_" })
    New-PrivateFolder $nps
    New-PrivateFolder $to
    Set-Private $to
    Write-Whole "$to\unfinished.json" (ConvertTo-Line @{ folder = $to; store = "$($call.store)" })
    $files = @(Copy-All $call $folder $to $names)
    Test-Restore $to $files[0]
    $manifest = @{
        folder = $to; source = $folder; store = "$($call.store)"; version = $call.version; made = [DateTime]::UtcNow.ToString('o')
        stopped = [bool]$call.stop; files = $files; restored = $files[0].name; proven = $true; removed = @(); left = @()
    }
    # Twice: this backup must be there before any other goes.
    Write-Whole "$to\manifest.json" (ConvertTo-Line $manifest)
    [IO.File]::Delete("$to\unfinished.json")
    $older = Remove-Older $call $to
    foreach ($told in 'removed', 'left') { $manifest[$told] = @($older[$told]) }
    Write-Whole "$to\manifest.json" (ConvertTo-Line $manifest)
    @{ changed = $true }
}

# --- Putting back

# What the service wrote after the present files were saved would be in no backup.
function Assert-Saved($folder, $due, $saved) {
    $known = @{}
    foreach ($file in (Get-BackupFacts $saved).files) { $known[$file.name] = $file.sha256 }
    foreach ($file in $due) {
        $path = Join-Inside $folder $file.name
        if ([IO.File]::Exists($path) -and (Get-Sha256 $path) -ne $known[$file.name]) {
            Stop-Verb 'failed' "$($file.name) is not the file that was saved in $($saved): it was written since. Nothing more was put back; abort, and ask for the rollback again."
        }
    }
}

# Whole or not at all: the file has the old content until it has the new one; its own ACL stays.
function Restore-One($from, $path, $sha256) {
    $aside = "$path.nps-$PID"
    try {
        Copy-Shared $from $aside
        if ((Get-Sha256 $aside) -ne $sha256) { Stop-Verb 'failed' "$path was written as something else." }
        if ([IO.File]::Exists($path)) { [IO.File]::Replace($aside, $path, [NullString]::Value) } else { [IO.File]::Move($aside, $path) }
    } finally {
        if ([IO.File]::Exists($aside)) { [IO.File]::Delete($aside) }
    }
}

function Restore-Files($call) {
    Assert-Folder $call
    $folder = $call.folder.TrimEnd('\')
    $from = $call.from.TrimEnd('\')
    $backup = Get-BackupFacts $from
    if (-not $backup.proven) { Stop-Verb 'absent' "There is no proven backup in $from." }
    $damaged = @(Get-Changed $from $backup.files)
    if ($damaged.Count) { Stop-Verb 'failed' "The backup in $from is damaged: $($damaged -join ', '). Nothing was put back." }
    $due = @($backup.files | Where-Object { -not (Test-Same (Join-Inside $folder $_.name) $_.sha256) })
    if (-not $due.Count) { return @{ changed = $false } }
    $service = Get-OneService $call.service
    if ("$($service.Status)" -ne 'Stopped') { Stop-Verb 'in_use' "Service '$($service.ServiceName)' is $($service.Status): somebody has started it. What it writes would be in no backup; stop it, then retry." }
    Assert-Saved $folder $due $call.saved
    Assert-Room $folder @($due | ForEach-Object { "$from\$($_.name)" })
    foreach ($file in $due) { Restore-One "$from\$($file.name)" (Join-Inside $folder $file.name) $file.sha256 }
    Assert-Still $service
    @{ changed = $true }
}

$verbs['back_up'] = { param($call) Invoke-Act $call { param($call) Backup-Files $call } }
$verbs['start_left_stopped'] = { param($call) Invoke-Act $call { Start-LeftStopped } }
$verbs['restore_files'] = { param($call) Invoke-Act $call { param($call) Restore-Files $call } }
