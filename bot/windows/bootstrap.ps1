$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = $VerbosePreference = $InformationPreference = 'SilentlyContinue'
try { [Console]::InputEncoding = [Console]::OutputEncoding = New-Object Text.UTF8Encoding } catch { $null = $_ }
$size = [int][Console]::In.ReadLine()
$text = New-Object char[] $size
for ($have = 0; $have -lt $size; $have += $got) {
    $got = [Console]::In.Read($text, $have, $size - $have)
    if ($got -le 0) { exit 1 }
}
. ([ScriptBlock]::Create((New-Object string (, $text))))
