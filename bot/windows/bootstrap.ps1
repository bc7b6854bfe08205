$ErrorActionPreference = 'Stop'
# In another mode not even stdin can be read: it is said, and what is being sent meanwhile still finds somebody.
$mode = "$($ExecutionContext.SessionState.LanguageMode)"
$is = $PSVersionTable.PSVersion
if ($mode -ne 'FullLanguage' -or 10 * $is.Major + $is.Minor -lt 51) {
    "{""id"":0,""unfit"":""PowerShell $($is.Major).$($is.Minor) in $mode mode""}"
    Start-Sleep 10
    exit 1
}
$ProgressPreference = $WarningPreference = $VerbosePreference = $InformationPreference = 'SilentlyContinue'
try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding } catch { $null = $_ }
# Never [Console]::In: it reads ahead, and bytes that are no text may follow a line.
$stdin = [Console]::OpenStandardInput()
for ($size = ''; ($byte = $stdin.ReadByte()) -ne 10; $size += [char]$byte) { if ($byte -lt 0) { exit 1 } }
$text = New-Object byte[] ([int]$size)
for ($have = 0; $have -lt $text.Length; $have += $got) {
    $got = $stdin.Read($text, $have, $text.Length - $have)
    if ($got -le 0) { exit 1 }
}
. ([ScriptBlock]::Create([Text.Encoding]::ASCII.GetString($text)))
