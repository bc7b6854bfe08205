# What a script holds that Windows PowerShell 5.1 does not know, as JSON by file: told by the parser's tokens and tree, never by text.
# Commands, their parameters and static members must be on the list of what 5.1 has: known51.json.
$ErrorActionPreference = 'Stop'
$known = ConvertFrom-Json -InputObject ([IO.File]::ReadAllText('C:\known51.json')) -AsHashtable
$common = 'ErrorAction', 'Confirm'
$tokens7 = 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'QuestionMark', 'AndAnd', 'OrOr', 'Clean'
$trees7 = 'TernaryExpressionAst', 'PipelineChainAst'
$variables7 = 'IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR', 'PSStyle', 'PSNativeCommandUseErrorActionPreference', 'PSNativeCommandArgumentPassing', 'EnabledExperimentalFeatures'

function Find-NewToken($tokens) {
    $before = 'NewLine'
    foreach ($token in $tokens) {
        $kind = "$($token.Kind)"
        $line = "in line $($token.Extent.StartLineNumber)"
        if ($kind -in $tokens7) { "token $kind $line" }
        if ($kind -eq 'Pipe' -and $before -eq 'NewLine') { "a line that begins with a pipe, $line" }
        if ($kind -eq 'Number' -and $token.Text -match '^0b|[\d.](u|y|s|n|us|uy|ul)([kmgtp]b)?$') { "number $($token.Text) $line" }
        if ($kind -like 'String*Expandable' -and $token.Text -match '`u\{|`e') { "escape $($Matches[0]) $line" }
        if ($kind -ne 'Comment') { $before = $kind }
    }
}

function Find-NewCommand($node, $functions) {
    $name = $node.GetCommandName()
    if (-not $name -or $functions.ContainsKey($name)) { return }
    if (-not $known.commands.ContainsKey($name)) { return "command $name is not on the list" }
    foreach ($part in $node.CommandElements) {
        $kind = $part.GetType().Name
        if ($kind -eq 'CommandParameterAst' -and $part.ParameterName -notin @($known.commands[$name] + $common)) { "parameter $($part.ParameterName) of $name is not on the list" }
        if ($kind -eq 'VariableExpressionAst' -and $part.Splatted -and "$($part.VariablePath)" -notin @($known.splatted[$name])) { "@$($part.VariablePath) for $name is not on the list" }
    }
}

function Find-NewOperator($node) {
    $by = "$($node.Operator)"
    $items = @(if ($node.Right -is [Management.Automation.Language.ArrayLiteralAst]) { $node.Right.Elements })
    if ($by -in 'Ireplace', 'Creplace' -and $items.Count -gt 1 -and $items[1] -is [Management.Automation.Language.ScriptBlockExpressionAst]) { 'a script block after -replace' }
    if ($by -eq 'DotDot' -and $node.Left -is [Management.Automation.Language.StringConstantExpressionAst]) { 'a range of letters' }
}

function Find-NewMember($node) {
    if (-not $node.Static) { return }
    $arguments = if ($node -is [Management.Automation.Language.InvokeMemberExpressionAst]) { "($($node.Arguments.Count))" }
    # [Type]::new is what New-Object does
    $member = "[$($node.Expression.TypeName)]::$($node.Member)$arguments"
    if ("$($node.Member)" -ne 'new' -and $member -notin $known.members) { "member $member is not on the list" }
}

function Find-NewNode($node, $functions) {
    switch ($node.GetType().Name) {
        { $_ -in $trees7 } { $_ }
        'PipelineAst' { if ($node.Background) { 'background' } }
        'VariableExpressionAst' { if ("$($node.VariablePath)" -in $variables7) { "variable $($node.VariablePath)" } }
        'CommandAst' { Find-NewCommand $node $functions }
        'BinaryExpressionAst' { Find-NewOperator $node }
        { $_ -in 'InvokeMemberExpressionAst', 'MemberExpressionAst' } { Find-NewMember $node }
    }
}

function Read-Script($path) {
    $tokens = $errors = $null
    $tree = [Management.Automation.Language.Parser]::ParseInput([IO.File]::ReadAllText($path), [ref]$tokens, [ref]$errors)
    @{ tokens = $tokens; errors = $errors; nodes = @($tree.FindAll({ $true }, $true)) }
}

$scripts = @{}
foreach ($file in Get-ChildItem C:\syntax\*.ps1) { $scripts[$file.Name] = Read-Script $file.FullName }
# All of ours are one script on the host, so that what one defines another may call.
$functions = @{}
foreach ($script in $scripts.Values) { foreach ($node in $script.nodes) { if ($node -is [Management.Automation.Language.FunctionDefinitionAst]) { $functions[$node.Name] = $true } } }
$found = @{}
foreach ($name in $scripts.Keys) {
    $script = $scripts[$name]
    $found[$name] = @(
        foreach ($fault in $script.errors) { "error: $($fault.Message)" }
        Find-NewToken $script.tokens
        foreach ($node in $script.nodes) { Find-NewNode $node $functions | ForEach-Object { "$_, in line $($node.Extent.StartLineNumber)" } }
    )
}
ConvertTo-Json -InputObject $found -Depth 5
