# Reads the host and changes nothing. Every value is a fact; what it means is judged in Python.

$captions = 'Netwrix Password Secure', 'Netwrix Password Manager'
$nps = "$env:ProgramData\nps"

function Format-Time($time) { if ($time) { $time.ToUniversalTime().ToString('o') } }

function Open-Machine($view) { [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', $view) }

# The values of a key by name, or null where there is no such key.
function Read-Key($base, $path) {
    $key = $base.OpenSubKey($path)
    if ($null -eq $key) { return }
    $values = @{}
    foreach ($name in $key.GetValueNames()) { $values[$name] = $key.GetValue($name) }
    $key.Close()
    $values
}

function Get-StartTime($process) { try { Format-Time $process.StartTime } catch { $null } }

# Id and start time together name a process; ids alone are soon used again. Get-Process would load its module first, half a second.
function Find-Process($id, $started) {
    $process = try { [Diagnostics.Process]::GetProcessById($id) } catch [ArgumentException] { $null }
    if ($process -and $started -and (Get-StartTime $process) -eq $started) { $process }
}

# A process is named after its file, so paths, which are slow to read, are read only where the name fits.
function Get-ProcessFacts($executable, $image) {
    $name = [IO.Path]::GetFileNameWithoutExtension($executable)
    $own = [IO.Path]::GetFileNameWithoutExtension("$image")
    foreach ($process in [Diagnostics.Process]::GetProcesses()) {
        if ($process.ProcessName -ne $name -and $process.ProcessName -ne $own) { continue }
        $path = $process.Path
        if ($process.ProcessName -ne $name -and $path -ne $image) { continue }
        @{ pid = $process.Id; name = "$($process.ProcessName).exe"; path = $path; started = (Get-StartTime $process) }
    }
}

# --- The service

$startModes = 'Boot', 'System', 'Auto', 'Manual', 'Disabled'

# The program of a command line such as "C:\a b\c.exe" -k, C:\a b\c.exe -k, or \??\C:\c.exe
function Get-Program($commandLine) {
    $line = [Environment]::ExpandEnvironmentVariables("$commandLine").Trim() -replace '^\\\?\?\\', ''
    if ($line -match '^"([^"]+)"') { return $Matches[1] }
    if ($line -match '^(.+?\.exe)(\s|$)') { return $Matches[1] }
    $line
}

function Find-Service($name, $application, $appService) {
    $all = [ServiceProcess.ServiceController]::GetServices()
    if ($name) { return $all | Where-Object { $_.ServiceName -eq $name } | Select-Object -First 1 }
    $wanted = if ($application) { @($application) } else { $captions }
    $found = $all | Where-Object { $wanted -contains $_.DisplayName } | Select-Object -First 1
    if (-not $found -and $appService) { $found = $all | Where-Object { $_.ServiceName -eq $appService } | Select-Object -First 1 }
    $found
}

function Get-ServiceFacts($service, $processes) {
    $key = Read-Key (Open-Machine 'Registry64') "SYSTEM\CurrentControlSet\Services\$($service.ServiceName)"
    $image = Get-Program $key['ImagePath']
    $state = "$($service.Status)" -creplace '(?<=[a-z])(?=[A-Z])', ' '
    $own = $null
    if ($state -ne 'Stopped') { $own = $processes | Where-Object { $_.path -eq $image } | Select-Object -First 1 }
    @{
        name = $service.ServiceName; caption = $service.DisplayName; start_mode = $startModes[[int]$key['Start']]; state = $state; delayed = [bool]$key['DelayedAutostart']
        pid = [int]$(if ($own) { $own.pid }); started = $(if ($own) { $own.started }); image = $image
    }
}

# Of the service that a copy has stopped and not yet started again.
$note = "$nps\service.stopped"

function Read-Note {
    if (-not [IO.File]::Exists($note)) { return }
    try { Read-Json (Read-Text $note) } catch { Stop-Verb 'failed' "$note can't be read: see whether the product's service runs, and delete that file." }
}

function Get-LeftStopped {
    $left = Read-Note
    $service = if ($left) { [ServiceProcess.ServiceController]::GetServices() | Where-Object { $_.ServiceName -eq $left.service } | Select-Object -First 1 }
    if ($service -and "$($service.Status)" -eq 'Stopped') { $left }
}

# --- DCOM

function Get-AppIds {
    $root = (Open-Machine 'Registry64').OpenSubKey('SOFTWARE\Classes\AppID')
    if ($null -eq $root) { return }
    foreach ($name in $root.GetSubKeyNames()) {
        if ($name[0] -ne '{') { continue }
        $key = $root.OpenSubKey($name)
        @{
            app_id = $name; caption = "$($key.GetValue(''))"; remote_server = $key.GetValue('RemoteServerName')
            local_service = $key.GetValue('LocalService'); local_service_off = $key.GetValue('_LocalService'); run_as = $key.GetValue('RunAs')
            activate_at_storage = $key.GetValue('ActivateAtStorage'); authentication_level = $key.GetValue('AuthenticationLevel')
        }
        $key.Close()
    }
}

function Find-AppId($all, $service, $application) {
    $found = $null
    if ($service) { $found = $all | Where-Object { $_.local_service -eq $service -or $_.local_service_off -eq $service } | Select-Object -First 1 }
    $wanted = if ($application) { @($application) } else { $captions }
    if (-not $found) { $found = $all | Where-Object { $wanted -contains $_.caption } | Select-Object -First 1 }
    $found
}

# CLSIDs are thousands: which of them name an AppID is kept between two readings, until an act or a watch.
$classesOf = @{}

function Find-Classes($appId) {
    if ($classesOf.ContainsKey($appId)) { return $classesOf[$appId] }
    $found = @(foreach ($view in '32', '64') {
            $root = (Open-Machine "Registry$view").OpenSubKey('SOFTWARE\Classes\CLSID')
            if ($null -eq $root) { continue }
            foreach ($name in $root.GetSubKeyNames()) {
                $key = $root.OpenSubKey($name)
                if ($key.GetValue('AppID') -eq $appId) { @{ clsid = $name; view = $view } }
                $key.Close()
            }
        })
    $classesOf[$appId] = $found
    $found
}

function Get-ClassFacts($class) {
    $base = Open-Machine "Registry$($class.view)"
    $path = "SOFTWARE\Classes\CLSID\$($class.clsid)"
    $on = Read-Key $base "$path\LocalServer32"
    $off = Read-Key $base "$path\_LocalServer32"
    @{ clsid = $class.clsid; view = $class.view; local_server = $(if ($on) { "$($on[''])" }); local_server_off = $(if ($off) { "$($off[''])" }) }
}

# --- Files

# Piece by piece, so that what must be over in time can be given up.
function Read-Pieces($stream, $until, $use) {
    $bytes = New-Object byte[] 1048576
    while (($got = $stream.Read($bytes, 0, $bytes.Length)) -gt 0) {
        if ($until -and [DateTime]::UtcNow -ge $until) { Stop-Verb 'failed' 'The copy takes too long for a service that stands still meanwhile, and was given up. Leave stop_service out, or copy the files by hand.' }
        & $use $bytes $got
    }
}

function Get-Sha256($path, $until) {
    $hash = [Security.Cryptography.SHA256]::Create()
    $stream = New-Object IO.FileStream $path, 'Open', 'Read', 'ReadWrite, Delete'
    try {
        Read-Pieces $stream $until { param($bytes, $got) $null = $hash.TransformBlock($bytes, 0, $got, $null, 0) }
        $null = $hash.TransformFinalBlock((New-Object byte[] 0), 0, 0)
        [BitConverter]::ToString($hash.Hash).Replace('-', '').ToLowerInvariant()
    } finally { $stream.Dispose() }
}

# Read while others may write or move it.
function Read-Text($path) {
    $stream = New-Object IO.FileStream $path, 'Open', 'Read', 'ReadWrite, Delete'
    try { (New-Object IO.StreamReader $stream).ReadToEnd() } finally { $stream.Dispose() }
}

function Get-ImageFacts($folder, $executable) {
    foreach ($name in $executable, "$executable.old") {
        $path = "$folder\$name"
        if (-not [IO.File]::Exists($path)) { continue }
        $info = [Diagnostics.FileVersionInfo]::GetVersionInfo($path)
        $parts = $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
        $version = if ($info.FileVersion -or ($parts | Measure-Object -Sum).Sum) { $parts -join '.' }
        @{ name = $name; path = $path; version = $version }
    }
}

function Get-FileFacts($folder, $names) {
    foreach ($name in $names) {
        $path = "$folder\$name"
        if ([IO.File]::Exists($path)) {
            @{ name = $name; path = $path; is_folder = $false; size = (New-Object IO.FileInfo $path).Length }
        } elseif ($name -and [IO.Directory]::Exists($path)) {
            $size = (New-Object IO.DirectoryInfo $path).GetFiles('*', 'AllDirectories') | Measure-Object -Property Length -Sum
            @{ name = $name; path = $path; is_folder = $true; size = [long]$size.Sum }
        }
    }
}

# Slow, for it loads a module and builds a chain of certificates.
function Get-SignatureFacts($path) {
    $signature = Get-AuthenticodeSignature -LiteralPath $path
    $certificate = $signature.SignerCertificate
    @{ status = "$($signature.Status)"; signer = $(if ($certificate) { $certificate.GetNameInfo('SimpleName', $false) }); told = "$($signature.StatusMessage)" }
}

# SYSTEM, Administrators, TrustedInstaller, and a domain's own administrators.
$privileged = '^S-1-5-(18|32-544|80-956008885-3418522649-1831038044-1853292631-2271478464|21-.+-(500|512|519))$'

# Who else may put something into a folder, or let others do it: a program loads libraries that lie beside it, with its own rights.
function Get-Writers($folder) {
    $kind = [Security.Principal.SecurityIdentifier]
    $acl = Get-Acl -LiteralPath $folder
    # Files, folders, deleting, the permissions themselves; what is only inherited from here does not count here.
    $allowed = @($acl.GetAccessRules($true, $true, $kind) | Where-Object {
            "$($_.AccessControlType)" -eq 'Allow' -and "$($_.PropagationFlags)" -notmatch 'InheritOnly' -and ([int]$_.FileSystemRights -band 0x500D0046)
        })
    $own = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    foreach ($sid in @($acl.GetOwner($kind).Value) + @($allowed | ForEach-Object { $_.IdentityReference.Value }) | Select-Object -Unique) {
        if ($sid -eq $own -or $sid -match $privileged) { continue }
        try { (New-Object Security.Principal.SecurityIdentifier $sid).Translate([Security.Principal.NTAccount]).Value } catch { $sid }
    }
}

# What the bot brought lies in a folder of administrators only.
function Get-PackageFacts($path, $signed) {
    if ($path -and [IO.File]::Exists($path)) {
        $signature = if ($signed) { Get-SignatureFacts $path }
        $staged = -not $path.StartsWith("$nps\packages\", [StringComparison]::OrdinalIgnoreCase)
        $writers = @(if ($staged) { Get-Writers ([IO.Path]::GetDirectoryName($path)) })
        @{ path = $path; size = (New-Object IO.FileInfo $path).Length; sha256 = (Get-Sha256 $path); signature = $signature; writers = $writers }
    }
}

function Get-BackupFacts($folder) {
    $path = "$folder\manifest.json"
    if (-not $folder -or -not [IO.File]::Exists($path)) { return }
    try { Read-Json (Read-Text $path) } catch { Stop-Verb 'failed' "$path can't be read: $($_.Exception.GetBaseException().Message)" }
}

# Where a name of a manifest leads; one that leaves the folder is none of ours.
function Join-Inside($folder, $name) {
    $path = [IO.Path]::GetFullPath("$folder\$name")
    $inside = $path.StartsWith("$folder\", [StringComparison]::OrdinalIgnoreCase)
    if (-not $inside -or "$name".Contains(':')) { Stop-Verb 'failed' "'$name' in a manifest leaves $folder." }
    $path
}

# What can't be read is not known to be the same.
function Test-Same($path, $sha256) {
    try { [IO.File]::Exists($path) -and (Get-Sha256 $path) -eq $sha256 } catch [IO.IOException] { $false }
}

function Get-Changed($folder, $files) {
    foreach ($file in $files) { if (-not (Test-Same (Join-Inside $folder $file.name) $file.sha256)) { $file.name } }
}

# A backup as it is to be put back: which of its copies are no longer what was copied, and which files are now others.
function Get-SavedFacts($from, $folder) {
    $manifest = Get-BackupFacts $from
    if (-not $manifest) { return }
    $saved = @{}
    foreach ($value in $manifest.PSObject.Properties) { $saved[$value.Name] = $value.Value }
    $saved.damaged = @(Get-Changed $from $manifest.files)
    $saved.differing = @(if ($folder) { Get-Changed $folder $manifest.files })
    $saved
}

# --- Marks of installers

function Test-MarkAlive($mark) {
    if (Find-Process $mark.pid $mark.pid_started) { return $true }
    foreach ($child in $mark.children) { if (Find-Process $child.pid $child.started) { return $true } }
    $name = [IO.Path]::GetFileNameWithoutExtension($mark.path)
    foreach ($process in [Diagnostics.Process]::GetProcessesByName($name)) {
        if ($process.Path -eq $mark.path) { return Test-Newest $mark }
    }
    $false
}

# A process that no mark knows is of the last installer that was started from its path: older ones ended before that.
function Test-Newest($mark) {
    foreach ($name in Get-MarkNames) {
        $other = Read-MarkFile $name
        if ($other.path -eq $mark.path -and [string]::CompareOrdinal($other.started, $mark.started) -gt 0) { return $false }
    }
    $true
}

# A mark without content, as a power cut may leave one, may be of an installer that runs: only a person can tell.
function Read-MarkPart($path) {
    if (-not [IO.File]::Exists($path)) { return }
    $text = try { Read-Text $path } catch { Stop-Verb (Get-Kind $_.Exception) "$path can't be read: $($_.Exception.GetBaseException().Message)" }
    $read = try { Read-Json $text } catch { $null }
    if ($read) { return $read }
    Stop-Verb 'failed' "$path is damaged, so nobody knows of its installer. See whether one runs there; if none does, delete that file and retry."
}

function Read-MarkFile($name) { Read-MarkPart "$nps\marks\$name.json" }

# All that came of the installer; the last line may be written just now.
function Read-Children($name) {
    $path = "$nps\marks\$name.children"
    if (-not [IO.File]::Exists($path)) { return }
    $lines = (Read-Text $path).Split("`n")
    for ($i = 0; $i -lt $lines.Length - 1; $i++) {
        $id, $started = $lines[$i].Split(' ')
        [pscustomobject]@{ pid = [int]$id; started = $started }
    }
}

# What the attempt wrote first, what came of it, and what was written at its end: three files, each written only once or only added to.
function Read-Mark($name) {
    $first = Read-MarkFile $name
    if (-not $first) { return }
    $last = Read-MarkPart "$nps\marks\$name.end"
    $mark = @{ children = @(Read-Children $name); alive = $false }
    foreach ($from in $first, $last) { if ($from) { foreach ($value in $from.PSObject.Properties) { $mark[$value.Name] = $value.Value } } }
    $mark.alive = $mark.state -eq 'started' -and (Test-MarkAlive $mark)
    [pscustomobject]$mark
}

# Without what only the scripts need of it.
function Format-Mark($mark) {
    $mark | Select-Object name, store, run, step, attempt, state, alive, code, started, finished, @{ n = 'by'; e = { "$($_.by)" } }, @{ n = 'as_system'; e = { [bool]$_.as_system } }
}

function Get-MarkNames {
    if (-not [IO.Directory]::Exists("$nps\marks")) { return }
    foreach ($file in [IO.Directory]::GetFiles("$nps\marks", '*.json')) { [IO.Path]::GetFileNameWithoutExtension($file) }
}

function Get-Marks { foreach ($name in Get-MarkNames) { Read-Mark $name } }

# --- The host

$booted = $null

function Get-Booted {
    if (-not $script:booted) { $script:booted = Format-Time (Get-CimInstance Win32_OperatingSystem).LastBootUpTime }
    $script:booted
}

function Test-Admin {
    $principal = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
    $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Get-HostFacts($query) {
    $executable = if ($query.executable) { $query.executable } else { 'PRMService.exe' }
    $appIds = @(Get-AppIds)
    $app = Find-AppId $appIds $query.service $query.application
    $appService = if ($app) { if ($app.local_service) { $app.local_service } else { $app.local_service_off } }
    $service = Find-Service $query.service $query.application $appService
    if ($service) { $app = Find-AppId $appIds $service.ServiceName $query.application }
    $image = if ($service) { Get-Program (Read-Key (Open-Machine 'Registry64') "SYSTEM\CurrentControlSet\Services\$($service.ServiceName)")['ImagePath'] }
    $folder = if ($query.folder) { $query.folder.TrimEnd('\') } elseif ($image) { [IO.Path]::GetDirectoryName($image) }
    $processes = @(Get-ProcessFacts $executable $image)
    if ($app) { $app.classes = @(Find-Classes $app.app_id | ForEach-Object { Get-ClassFacts $_ }) }
    $renames = @(Get-PendingRenames $folder)
    @{
        computer = $env:COMPUTERNAME; left_stopped = (Get-LeftStopped); clock = [DateTime]::UtcNow.ToString('o'); booted = (Get-Booted)
        powershell = $PSVersionTable.PSVersion.ToString(); language = [Globalization.CultureInfo]::InstalledUICulture.Name; admin = (Test-Admin)
        service = $(if ($service) { Get-ServiceFacts $service $processes }); folder = $folder; processes = $processes; dcom = $app
        images = @(if ($folder) { Get-ImageFacts $folder $executable }); files = @(if ($folder) { Get-FileFacts $folder $query.files })
        package = (Get-PackageFacts $query.package $query.signed); backup = (Get-BackupFacts $query.backup); saved = (Get-SavedFacts $query.saved $folder)
        marks = @(Get-Marks | ForEach-Object { Format-Mark $_ }); reboot_due = @(Get-RebootReasons $renames); renames = $renames
        drives = @(Get-DriveFacts $env:SystemDrive, $folder, $query.backup); msi_busy = (Test-MsiBusy); dcom_events = $(if ($query.dcom_events) { Get-DcomEvents })
    }
}

$verbs = @{ facts = { param($query) Get-HostFacts $query } }
