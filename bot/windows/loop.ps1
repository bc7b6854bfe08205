# Answers requests, one JSON line each, until stdin ends; bytes may follow a line. Owns the form of replies; knows no verb.

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

# What was read of stdin and not taken yet.
$ahead = @{ bytes = (New-Object byte[] 65536); from = 0; to = 0 }

# The next line without its end, or nothing once stdin has ended.
function Receive-Line {
    $line = ''
    do {
        if ($ahead.from -eq $ahead.to) {
            $ahead.from = 0
            $ahead.to = $stdin.Read($ahead.bytes, 0, $ahead.bytes.Length)
            if ($ahead.to -le 0) { return }
        }
        $end = [Array]::IndexOf($ahead.bytes, [byte]10, $ahead.from, $ahead.to - $ahead.from)
        $stop = if ($end -lt 0) { $ahead.to } else { $end }
        $line += [Text.Encoding]::ASCII.GetString($ahead.bytes, $ahead.from, $stop - $ahead.from)
        $ahead.from = if ($end -lt 0) { $stop } else { $stop + 1 }
    } while ($end -lt 0)
    $line
}

# So many bytes of what follows the line; a stdin that ends before has lost its client.
function Receive-Bytes($size) {
    $bytes = New-Object byte[] $size
    $got = [Math]::Min($size, $ahead.to - $ahead.from)
    [Array]::Copy($ahead.bytes, $ahead.from, $bytes, 0, $got)
    $ahead.from += $got
    while ($got -lt $size) {
        $more = $stdin.Read($bytes, $got, $size - $got)
        if ($more -le 0) { exit 1 }
        $got += $more
    }
    , $bytes
}

Send-Line @{ id = 0; ok = $true; result = @(@{ protocol = 1 }) }
while ($null -ne ($line = Receive-Line)) { Send-Line (Get-Reply $line) }
