# Brings an installer onto the host, piece by piece, into a file aside; only one with the wanted SHA-256 gets its name.

$deliverySeconds = 240

# The folder is named after the hash, so that one package never meets another.
function Assert-PackagePath($call) {
    $name = [regex]::Escape("$nps\packages\$($call.sha256)\") + '[^\\/:*?"<>|\x00-\x1f]+'
    if ($call.sha256 -cnotmatch '^[0-9a-f]{64}$' -or $call.path -notmatch "^$name\z") { Stop-Verb 'failed' "'$($call.path)' is no place for a package on this host." }
}

function Get-Part($call) {
    $there = [IO.File]::Exists($call.path) -and (Get-Sha256 $call.path) -eq $call.sha256
    @{ there = $there; size = (Get-Size "$($call.path).part"); clock = [DateTime]::UtcNow.ToString('o') }
}

function Assert-Folders($call) { foreach ($folder in $nps, "$nps\packages", "$nps\packages\$($call.sha256)") { New-PrivateFolder $folder } }

# Folders of others are refused at the first piece, and again at the end, for a part may have been put there.
function Open-Part($call) {
    if (-not [IO.File]::Exists("$($call.path).part")) { Assert-Folders $call }
    New-Object IO.FileStream "$($call.path).part", 'OpenOrCreate', 'Write', 'Read'
}

# Bytes that follow at another place are left out: the size in the answer says where to go on.
function Add-Bytes($call, $bytes) {
    $part = Open-Part $call
    try {
        $fits = $part.Length -eq $call.offset
        if ($fits) {
            $null = $part.Seek(0, 'End')
            $part.Write($bytes, 0, $bytes.Length)
        }
    } finally { $part.Dispose() }
    @{ changed = $fits } + (Get-PartSize $call)
}

function Get-PartSize($call) { @{ there = $false; size = (Get-Size "$($call.path).part"); clock = [DateTime]::UtcNow.ToString('o') } }

function Complete-Part($call) {
    $part = "$($call.path).part"
    if (-not [IO.File]::Exists($part)) {
        if ((Get-Part $call).there) { return @{ changed = $false } }
        Stop-Verb 'absent' "Nothing of $($call.path) has come yet."
    }
    Assert-Folders $call
    $sha256 = Get-Sha256 $part
    if ($sha256 -ne $call.sha256) {
        [IO.File]::Delete($part)
        Stop-Verb 'failed' "What came is not the file that was approved: its SHA-256 is $sha256. It was deleted and nothing was run."
    }
    if ([IO.File]::Exists($call.path)) { [IO.File]::Delete($call.path) }
    [IO.File]::Move($part, $call.path)
    @{ changed = $true }
}

# --- Fetching

function Assert-Address($uri, $first) {
    if ($uri.Scheme -eq 'https' -or ($first -and $uri.Scheme -eq 'http' -and $uri.IsLoopback)) { return }
    Stop-Verb 'failed' "$($uri.Scheme)://$($uri.Host) is not fetched from: only https is."
}

# Whatever the server says, a refusal too; without the proxy and the login of whoever the bot logs in as.
function Get-Answer($uri, $offset) {
    $request = [Net.WebRequest]::Create($uri)
    $request.Proxy = $null
    $request.AllowAutoRedirect = $false
    $request.Timeout = $request.ReadWriteTimeout = 20000
    $request.AddRange([long]$offset)
    try { $request.GetResponse() } catch {
        for ($cause = $_.Exception; $cause; $cause = $cause.InnerException) {
            if ($cause -is [Net.WebException] -and $cause.Response) { return $cause.Response }
        }
        throw
    }
}

function Open-Address($address, $offset) {
    # Old .NET offers TLS 1.0 only; 0 means that Windows decides.
    if ([int][Net.ServicePointManager]::SecurityProtocol) { [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12 }
    $uri = New-Object Uri $address
    for ($turn = 0; $turn -le 5; $turn++) {
        Assert-Address $uri ($turn -eq 0)
        $answer = Get-Answer $uri $offset
        if ([int]$answer.StatusCode -notin 301, 302, 303, 307, 308) { return $answer }
        $uri = New-Object Uri $uri, ([string]$answer.Headers['Location'])
        $answer.Close()
    }
    Stop-Verb 'failed' "$address redirects without end."
}

# Copies until the end or the time is reached; whether it was the end.
function Copy-Until($from, $to, $seconds) {
    $buffer = New-Object byte[] 1048576
    $watch = [Diagnostics.Stopwatch]::StartNew()
    do {
        $got = $from.Read($buffer, 0, $buffer.Length)
        $to.Write($buffer, 0, $got)
    } while ($got -gt 0 -and $watch.Elapsed.TotalSeconds -lt $seconds)
    $got -eq 0
}

# A server that knows ranges is read a few seconds at a time; one that doesn't, from the start and in one go.
function Copy-Piece($call, $answer, $part) {
    $status = [int]$answer.StatusCode
    if ($status -eq 416 -and $part.Length) { return @{ whole = $true } }
    if ($status -notin 200, 206) { Stop-Verb 'failed' "$($call.url) was answered with $status $($answer.StatusDescription)." }
    $seconds = $call.seconds
    if ($status -eq 200) { $part.SetLength(0); $seconds = $deliverySeconds }
    $null = $part.Seek(0, 'End')
    $total = if ($answer.ContentLength -ge 0) { $part.Length + $answer.ContentLength }
    $free = (New-Object IO.DriveInfo ([IO.Path]::GetPathRoot($call.path))).AvailableFreeSpace
    if ($answer.ContentLength -gt $free) { Stop-Verb 'failed' "$($call.url) has $($answer.ContentLength) bytes more, and the drive has $free left." }
    $ended = Copy-Until $answer.GetResponseStream() $part $seconds
    if ($status -eq 200 -and -not $ended) { Stop-Verb 'failed' "$($call.url) knows no ranges, and all of it took longer than $deliverySeconds s." }
    @{ total = $total; whole = $(if ($null -eq $total) { $ended } else { $part.Length -eq $total }) }
}

# A connection that fails is told beside what came before, so that the next piece goes on from there.
function Receive-Piece($call) {
    $answer = $null
    $part = Open-Part $call
    try {
        $answer = Open-Address $call.url $part.Length
        $piece = Copy-Piece $call $answer $part
    } catch {
        if ($_.TargetObject -is [psobject] -and $_.TargetObject.PSObject.Properties['kind']) { throw }
        $piece = @{ whole = $false; told = $_.Exception.GetBaseException().Message }
    } finally {
        $part.Dispose()
        if ($answer) { $answer.Close() }
    }
    @{ changed = $true } + $piece + (Get-PartSize $call)
}

$verbs['package_part'] = { param($call) Assert-PackagePath $call; Get-Part $call }
$verbs['receive_file'] = {
    param($call)
    # First, whatever is wrong: what comes next on stdin must be a line again.
    $bytes = Receive-Bytes $call.size
    Assert-PackagePath $call
    Invoke-Act $call { param($call) Add-Bytes $call $bytes }
}
$verbs['fetch_piece'] = { param($call) Assert-PackagePath $call; Invoke-Act $call { param($call) Receive-Piece $call } }
$verbs['finish_file'] = { param($call) Assert-PackagePath $call; Invoke-Act $call { param($call) Complete-Part $call } }
