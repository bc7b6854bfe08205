# Registers the product as windows.md, sections 0 and F, describes it; what it is called comes as JSON beside this file.
$ErrorActionPreference = 'Stop'
$of = Get-Content -Raw "$PSScriptRoot\register.json" | ConvertFrom-Json

$null = New-Item -ItemType Directory -Force "$($of.folder)\Templates\de"
Copy-Item "$PSScriptRoot\PRMService.exe" "$($of.folder)\PRMService.exe"
[IO.File]::WriteAllText("$($of.folder)\alinfo.bin", 'licence')
[IO.File]::WriteAllBytes("$($of.folder)\secrets.bin", [byte[]](0..255))
[IO.File]::WriteAllText("$($of.folder)\$($of.questions)", "What was your first pet's name?")
[IO.File]::WriteAllText("$($of.folder)\Templates\welcome.html", '<p>Welcome</p>')
[IO.File]::WriteAllText("$($of.folder)\Templates\de\welcome.html", '<p>Willkommen</p>')

$mode = if ($of.backend) { 'Disabled' } else { 'Automatic' }
$null = New-Service -Name $of.service -BinaryPathName "`"$($of.folder)\PRMService.exe`"" -DisplayName $of.caption -StartupType $mode
$settings = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry32').CreateSubKey($of.key)
$settings.SetValue('Folder', $of.folder)
$settings.SetValue('Service', $of.service)
. "$PSScriptRoot\dcom.ps1"
if (-not $of.backend) { Start-Service $of.service }
