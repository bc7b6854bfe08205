/* prm_setup.exe for tests: a silent installer that carries a new PRMService.exe.
 *
 *   /S            silent; without it exit code 2, where a real one would open a wizard
 *   /KEY=path     where in HKLM, 32-bit view, Folder and Service are written (default: the vendor's)
 *   /WAIT=ms      how long the work takes
 *   /LOG=path     where to tell of it, else stdout
 *   /CODE=n       exit code, after all was done
 *   /CHILD        leaves the work to a child and ends at once; given twice, that does so too
 *   /SPIN=ms      uses CPU for so long, and tells nothing of it
 *   /RESTART      leaves the new PRMService.exe to the next restart
 *
 * Each time that it really runs it adds a line to C:\launches.txt. Settings and the service's start mode stay as they are.
 */
#include <stdio.h>
#include <windows.h>

static WCHAR folder[MAX_PATH], name[256];
static FILE *log_file;

static const WCHAR *option(int count, WCHAR **arguments, const WCHAR *wanted)
{
    size_t length = wcslen(wanted);
    for (int i = 1; i < count; i++)
        if (!_wcsnicmp(arguments[i], wanted, length))
            return arguments[i] + length;
    return NULL;
}

static void tell(int percent, const char *what)
{
    fprintf(log_file, "%3d%% %s\r\n", percent, what);
    fflush(log_file);
}

static void launched(void)
{
    FILE *counter = fopen("C:\\launches.txt", "a");
    fprintf(counter, "%lu\n", GetCurrentProcessId());
    fclose(counter);
}

static int read_value(const WCHAR *key, const WCHAR *value, WCHAR *to, DWORD size)
{
    return !RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_SZ | RRF_SUBKEY_WOW6432KEY, NULL, to, &size);
}

/* Whether the service may be started, which is so when it was not disabled. */
static int stop_service(SC_HANDLE service)
{
    BYTE buffer[8192];
    DWORD size;
    SERVICE_STATUS status;
    if (!QueryServiceConfigW(service, (QUERY_SERVICE_CONFIGW *)buffer, sizeof buffer, &size))
        return 0;
    ControlService(service, SERVICE_CONTROL_STOP, &status);
    for (int i = 0; i < 200 && QueryServiceStatus(service, &status) && status.dwCurrentState != SERVICE_STOPPED; i++)
        Sleep(50);
    return ((QUERY_SERVICE_CONFIGW *)buffer)->dwStartType != SERVICE_DISABLED;
}

/* The service's process may hold its file a little longer than the service manager says. */
static int write_payload(int at_restart)
{
    WCHAR path[MAX_PATH], old[MAX_PATH];
    HRSRC found = FindResourceW(NULL, MAKEINTRESOURCEW(1), MAKEINTRESOURCEW(10));
    DWORD size = SizeofResource(NULL, found), written;
    swprintf(old, MAX_PATH, L"%ls\\PRMService.exe", folder);
    swprintf(path, MAX_PATH, at_restart ? L"%ls.new" : L"%ls", old);
    for (int i = 0; i < 100; i++, Sleep(50)) {
        HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        if (file == INVALID_HANDLE_VALUE)
            continue;
        WriteFile(file, LockResource(LoadResource(NULL, found)), size, &written, NULL);
        CloseHandle(file);
        if (at_restart && !MoveFileExW(path, old, MOVEFILE_REPLACE_EXISTING | MOVEFILE_DELAY_UNTIL_REBOOT))
            return 0;
        return written == size;
    }
    return 0;
}

static int spawn(WCHAR *line)
{
    STARTUPINFOW start = {sizeof start};
    PROCESS_INFORMATION process;
    WCHAR *word = wcsstr(line, L" /CHILD");
    memmove(word, word + 7, (wcslen(word + 7) + 1) * sizeof *word);
    return CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process) ? 0 : 1603;
}

int wmain(int count, WCHAR **arguments)
{
    const WCHAR *key = option(count, arguments, L"/KEY="), *wait = option(count, arguments, L"/WAIT=");
    const WCHAR *log = option(count, arguments, L"/LOG="), *code = option(count, arguments, L"/CODE=");
    const WCHAR *spin = option(count, arguments, L"/SPIN=");
    if (!option(count, arguments, L"/S"))
        return 2;
    if (option(count, arguments, L"/CHILD"))
        return spawn(GetCommandLineW());
    launched();
    key = key ? key : L"SOFTWARE\\Netwrix\\Password Manager";
    log_file = log ? _wfopen(log, L"w") : stdout;
    if (!log_file || !read_value(key, L"Folder", folder, sizeof folder) || !read_value(key, L"Service", name, sizeof name))
        return 1603;
    for (DWORD begun = GetTickCount(), ms = spin ? _wtoi(spin) : 0; GetTickCount() - begun < ms;)
        ;
    tell(5, "stopping the service");
    SC_HANDLE service = OpenServiceW(OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), name, SERVICE_ALL_ACCESS);
    int may_start = stop_service(service);
    for (int i = 1; i <= 10; i++) {
        tell(5 + i * 8, "copying files");
        Sleep(wait ? _wtoi(wait) / 10 : 0);
    }
    if (!write_payload(!!option(count, arguments, L"/RESTART"))) {
        tell(90, "PRMService.exe can't be written");
        return 1603;
    }
    if (may_start)
        StartServiceW(service, 0, NULL);
    tell(100, "done");
    return code ? _wtoi(code) : 0;
}
