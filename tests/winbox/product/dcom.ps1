# Writes AppID and CLSIDs anew, as dcomcnfg leaves them; what was there before goes.
$ErrorActionPreference = 'Stop'
$of = Get-Content -Raw "$PSScriptRoot\register.json" | ConvertFrom-Json

function Set-Values($view, $path, $values) {
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', $view)
    $base.DeleteSubKeyTree($path, $false)
    $key = $base.CreateSubKey($path)
    foreach ($name in $values.Keys) { $key.SetValue($name, $values[$name]) }
    $key.Close()
}

$app = @{ '' = $of.application; RunAs = 'NT AUTHORITY\SYSTEM' }
if ($of.backend) { $app['_LocalService'] = $of.service; $app['RemoteServerName'] = $of.backend } else { $app['LocalService'] = $of.service }
Set-Values 'Registry64' "SOFTWARE\Classes\AppID\$($of.app_id)" $app
$server = if ($of.backend) { '_LocalServer32' } else { 'LocalServer32' }
foreach ($view in 'Registry32', 'Registry64') {
    Set-Values $view "SOFTWARE\Classes\CLSID\$($of.clsid)" @{ '' = 'PRM server'; AppID = $of.app_id }
    Set-Values $view "SOFTWARE\Classes\CLSID\$($of.clsid)\$server" @{ '' = "$($of.folder)\PRMService.exe" }
}
