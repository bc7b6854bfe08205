# Answers requests, one JSON line each, until stdin ends. Owns the form of replies; knows no verb.

# What a verb throws for a reason that the bot tells apart.
function Stop-Verb($kind, $message) { throw [pscustomobject]@{ kind = $kind; message = $message } }

function Get-Kind($thrown) {
    $cause = $thrown.GetBaseException()
    if ($cause -is [UnauthorizedAccessException] -or $cause -is [Security.SecurityException]) { return 'denied' }
    if ($cause -is [IO.FileNotFoundException] -or $cause -is [IO.DirectoryNotFoundException]) { return 'absent' }
    if ($cause -is [ComponentModel.Win32Exception]) {
        if ($cause.NativeErrorCode -eq 5) { return 'denied' }
        if ($cause.NativeErrorCode -eq 1060) { return 'absent' }
    }
    # The low word of an I/O error is Windows' own: sharing or lock violation, already exists.
    $code = $cause.HResult -band 0xFFFF
    if ($cause -is [IO.IOException] -and $code -in 32, 33) { return 'in_use' }
    if ($cause -is [IO.IOException] -and $code -in 80, 183) { return 'exists' }
    'failed'
}

function Get-Fault($record, $verb) {
    $told = $record.TargetObject
    if ($told -is [psobject] -and $told.PSObject.Properties['kind']) {
        return @{ verb = $verb; kind = $told.kind; message = $told.message }
    }
    @{ verb = $verb; kind = (Get-Kind $record.Exception); message = $record.Exception.GetBaseException().Message }
}

# Pure ASCII, so that no code page on the way can change it.
function ConvertTo-Line($value) {
    $json = ConvertTo-Json -InputObject $value -Depth 10 -Compress
    $escape = [Text.RegularExpressions.MatchEvaluator] { param($match) '\u{0:x4}' -f [int][char]$match.Value }
    [regex]::Replace($json, '[^\x20-\x7e]', $escape)
}

# PowerShell 7 would make dates of strings that look like one; 5.1 does not, and lacks the switch.
$asText = @{}
if ((Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')) { $asText['DateKind'] = 'String' }

function Read-Json($text) { ConvertFrom-Json -InputObject $text @asText }

function Get-Reply($line) {
    $id = 0
    $results = @()
    $call = [pscustomobject]@{ verb = '' }
    try {
        $request = Read-Json $line
        $id = $request.id
        foreach ($call in $request.calls) {
            if (-not $verbs.ContainsKey($call.verb)) { Stop-Verb 'failed' "There is no verb '$($call.verb)'." }
            $results += & $verbs[$call.verb] $call.args
        }
        @{ id = $id; ok = $true; result = @($results) }
    } catch {
        @{ id = $id; ok = $false; result = @($results); error = (Get-Fault $_ $call.verb) }
    }
}

function Send-Line($value) {
    [Console]::Out.WriteLine((ConvertTo-Line $value))
    [Console]::Out.Flush()
}

Send-Line @{ id = 0; ok = $true; result = @(@{ protocol = 1 }) }
while ($null -ne ($line = [Console]::In.ReadLine())) { Send-Line (Get-Reply $line) }
