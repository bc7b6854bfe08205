# What a script holds that Windows PowerShell 5.1 does not know, as JSON by file: told by the parser's tokens and tree, never by text.
$ErrorActionPreference = 'Stop'
$tokens51 = 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'QuestionMark', 'AndAnd', 'OrOr', 'Clean'
$trees51 = 'TernaryExpressionAst', 'PipelineChainAst'
$parameters51 = 'Parallel', 'ThrottleLimit', 'AsHashtable', 'AsArray', 'NoEnumerate', 'DateKind', 'AsUTC', 'EscapeHandling', 'SkipCertificateCheck', 'AsByteStream', 'FromUnixTime', 'LeafBase', 'Extension'
$commands51 = 'Get-Error', 'Test-Json', 'Join-String', 'Get-Uptime', 'Remove-Service', 'Remove-Alias', 'ConvertFrom-Markdown', 'Show-Markdown', 'Get-SecureRandom', 'Get-WmiObject', 'Invoke-WmiMethod'

function Find-Newer($text) {
    $tokens = $errors = $null
    $tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$tokens, [ref]$errors)
    foreach ($fault in $errors) { "error: $($fault.Message)" }
    foreach ($token in $tokens) {
        if ("$($token.Kind)" -in $tokens51) { "token $($token.Kind) in line $($token.Extent.StartLineNumber)" }
        if ("$($token.Kind)" -like 'String*Expandable' -and $token.Text -match '`u\{|`e') { "escape $($Matches[0]) in line $($token.Extent.StartLineNumber)" }
    }
    foreach ($node in $tree.FindAll({ $true }, $true)) {
        $kind = $node.GetType().Name
        $line = "in line $($node.Extent.StartLineNumber)"
        if ($kind -in $trees51) { "$kind $line" }
        if ($kind -eq 'PipelineAst' -and $node.Background) { "background $line" }
        if ($kind -eq 'CommandParameterAst' -and $node.ParameterName -in $parameters51) { "parameter $($node.ParameterName) $line" }
        if ($kind -eq 'CommandAst' -and $node.GetCommandName() -in $commands51) { "command $($node.GetCommandName()) $line" }
    }
}

$found = @{}
foreach ($file in Get-ChildItem C:\syntax\*.ps1) { $found[$file.Name] = @(Find-Newer ([IO.File]::ReadAllText($file.FullName))) }
ConvertTo-Json -InputObject $found -Depth 5
