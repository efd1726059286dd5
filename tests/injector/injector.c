/*
 * Runs a program and spoils one of its system calls, counted over all its threads and children.
 *
 *   injector REPORT SECONDS MODE N CALLS PATH PROGRAM [ARGUMENT...]
 *
 * MODE   list          spoils nothing
 *        kill-before   SIGKILL before call N         kill-after    SIGKILL after it
 *        fail:ERRNO    call N is not made and fails  from:ERRNO    so does each later one, but writes to stderr
 *        after:ERRNO   call N is made, and reported as failed
 *        short         call N transfers half of what it was to transfer
 *        stop:MS       the task waits that long before call N
 * CALLS  files (all that touch files and descriptors), transfers, changes, or names with commas
 * PATH   "" or a text: only calls whose path holds it count
 *
 * REPORT gets `hit N name` if call N was reached, `call N name path` for each in mode list, and `total N`. The exit code is
 * the program's, 128 + signal if a signal ended it, 124 when SECONDS were over, 125 if the injector itself failed.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
typedef struct user_regs_struct registers;
#define NUMBER(r) ((long)(r).orig_rax)
#define RESULT(r) ((r).rax)
#define ARGUMENT(r, i) ((i) == 0 ? (r).rdi : (i) == 1 ? (r).rsi : (i) == 2 ? (r).rdx : (r).r10)
#define SET_COUNT(r, v) ((r).rdx = (v))
#elif defined(__aarch64__)
typedef struct user_regs_struct registers;
#define NUMBER(r) ((long)(r).regs[8])
#define RESULT(r) ((r).regs[0])
#define ARGUMENT(r, i) ((r).regs[i])
#define SET_COUNT(r, v) ((r).regs[2] = (v))
#else
#error "this machine's registers are not known here"
#endif

/* Where the path is: argument 0, 1, or none (-1). */
enum { TRANSFER = 1, CHANGE = 2 };
struct call {
    const char *name;
    long number;
    int path;
    int kind;
};
#define CALL(name, path, kind) { #name, SYS_##name, path, kind }
static const struct call CALLS[] = {
    CALL(openat, 1, 0), CALL(close, -1, CHANGE), CALL(read, -1, TRANSFER), CALL(pread64, -1, TRANSFER),
    CALL(readv, -1, 0), CALL(write, -1, TRANSFER | CHANGE), CALL(pwrite64, -1, TRANSFER | CHANGE), CALL(writev, -1, CHANGE),
    CALL(fstat, -1, 0), CALL(statx, 1, 0), CALL(statfs, 0, 0), CALL(fstatfs, -1, 0), CALL(lseek, -1, 0),
    CALL(newfstatat, 1, 0), CALL(fsync, -1, CHANGE), CALL(fdatasync, -1, CHANGE), CALL(ftruncate, -1, CHANGE),
    CALL(fallocate, -1, CHANGE), CALL(renameat, 1, CHANGE), CALL(renameat2, 1, CHANGE), CALL(linkat, 1, CHANGE),
    CALL(symlinkat, 0, CHANGE), CALL(unlinkat, 1, CHANGE), CALL(mkdirat, 1, CHANGE), CALL(fchmod, -1, CHANGE),
    CALL(fchmodat, 1, CHANGE), CALL(fchown, -1, CHANGE), CALL(faccessat, 1, 0), CALL(faccessat2, 1, 0),
    CALL(readlinkat, 1, 0), CALL(getdents64, -1, 0), CALL(flock, -1, 0), CALL(fcntl, -1, 0), CALL(dup, -1, 0),
    CALL(dup3, -1, 0), CALL(pipe2, -1, 0), CALL(socket, -1, 0), CALL(connect, -1, 0), CALL(sendto, -1, TRANSFER),
    CALL(recvfrom, -1, TRANSFER), CALL(sendmsg, -1, 0), CALL(recvmsg, -1, 0), CALL(getrandom, -1, 0),
    CALL(memfd_create, 0, 0), CALL(eventfd2, -1, 0), CALL(epoll_create1, -1, 0), CALL(epoll_ctl, -1, 0),
    CALL(keyctl, -1, 0), CALL(add_key, -1, 0), CALL(utimensat, 1, 0), CALL(execve, 0, 0), CALL(clone3, -1, 0),
#if defined(__x86_64__)
    CALL(open, 0, 0), CALL(stat, 0, 0), CALL(lstat, 0, 0), CALL(access, 0, 0), CALL(readlink, 0, 0), CALL(rename, 0, CHANGE),
    CALL(link, 0, CHANGE), CALL(unlink, 0, CHANGE), CALL(rmdir, 0, CHANGE), CALL(mkdir, 0, CHANGE), CALL(chmod, 0, CHANGE),
    CALL(symlink, 0, CHANGE), CALL(chown, 0, CHANGE), CALL(creat, 0, CHANGE), CALL(dup2, -1, 0), CALL(pipe, -1, 0),
#endif
};

static const struct {
    const char *name;
    int value;
} ERRORS[] = {
    {"EIO", EIO},       {"EACCES", EACCES}, {"EINTR", EINTR}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM},
    {"ENOSPC", ENOSPC}, {"EFBIG", EFBIG},   {"EROFS", EROFS}, {"EPERM", EPERM},   {"ENOENT", ENOENT},
    {"EAGAIN", EAGAIN}, {"ESTALE", ESTALE}, {"EDQUOT", EDQUOT},
};

enum mode { LIST, KILL_BEFORE, KILL_AFTER, FAIL, FROM, AFTER, SHORT, STOP };

static enum mode mode;
static long chosen, counted, setting;
static const char *calls, *wanted;
static FILE *report;
static pid_t root;

/* What is known of each traced task; a slot with tid 0 is free. */
static struct task {
    pid_t tid;
    bool inside, fail, kill;
} tasks[4096];

static void die(const char *what) {
    perror(what);
    if (root > 0) kill(root, SIGKILL);
    _exit(125);
}

static struct task *task_of(pid_t tid) {
    struct task *free_slot = NULL;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (tasks[i].tid == tid) return &tasks[i];
        if (!tasks[i].tid && !free_slot) free_slot = &tasks[i];
    }
    if (!free_slot) die("too many tasks");
    *free_slot = (struct task){.tid = tid};
    return free_slot;
}

static const struct call *call_of(long number) {
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (CALLS[i].number == number) return &CALLS[i];
    return NULL;
}

static bool is_chosen(const struct call *call) {
    if (!strcmp(calls, "files")) return true;
    if (!strcmp(calls, "transfers")) return call->kind & TRANSFER;
    if (!strcmp(calls, "changes")) return call->kind & CHANGE;
    size_t length = strlen(call->name);
    for (const char *at = calls; (at = strstr(at, call->name)); at += length)
        if ((at == calls || at[-1] == ',') && (at[length] == ',' || !at[length])) return true;
    return false;
}

static void path_of(pid_t tid, const struct call *call, registers *regs, char *into, size_t room) {
    size_t at = 0;
    if (call->path >= 0) {
        unsigned long from = ARGUMENT(*regs, call->path);
        while (at + sizeof(long) < room) {
            errno = 0;
            long word = ptrace(PTRACE_PEEKDATA, tid, from + at, NULL);
            if (errno) break;
            memcpy(into + at, &word, sizeof word);
            if (memchr(&word, 0, sizeof word)) {
                at += strlen(into + at);
                break;
            }
            at += sizeof word;
        }
    }
    into[at] = 0;
}

static bool get(pid_t tid, registers *regs) {
    struct iovec area = {regs, sizeof *regs};
    return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &area) == 0;
}

static void set(pid_t tid, registers *regs) {
    struct iovec area = {regs, sizeof *regs};
    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &area);
}

static void skip(pid_t tid, registers *regs) {
#if defined(__x86_64__)
    regs->orig_rax = -1;
    set(tid, regs);
#else
    int none = -1;
    struct iovec area = {&none, sizeof none};
    (void)regs;
    ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &area);
#endif
}

static void entered(struct task *task) {
    registers regs;
    char path[512];
    if (!get(task->tid, &regs)) return;
    const struct call *call = call_of(NUMBER(regs));
    if (!call || !is_chosen(call)) return;
    path_of(task->tid, call, &regs, path, sizeof path);
    if (*wanted && !strstr(path, wanted)) return;
    counted++;
    if (mode == LIST) {
        for (char *at = path; *at; at++)
            if (*at == '\n') *at = '?';
        fprintf(report, "call %ld %s %s\n", counted, call->name, path);
        return;
    }
    if (counted != chosen && !(mode == FROM && counted > chosen)) return;
    /* What the program reports under a lasting fault gets through: otherwise its failure could not be attributed. */
    if (mode == FROM && counted > chosen && !strcmp(call->name, "write") && ARGUMENT(regs, 0) == 2) return;
    if (counted == chosen) fprintf(report, "hit %ld %s %s\n", counted, call->name, path), fflush(report);
    switch (mode) {
    case KILL_BEFORE: kill(root, SIGKILL); break;
    case KILL_AFTER: task->kill = true; break;
    case FAIL:
    case FROM:
        task->fail = true;
        /* Linux frees the descriptor even if close(2) fails: one that stays open would be a fault that no system has. */
        if (strcmp(call->name, "close")) skip(task->tid, &regs);
        break;
    case AFTER: task->fail = true; break;
    case SHORT: {
        unsigned long count = ARGUMENT(regs, 2);
        if (count > 1) SET_COUNT(regs, count / 2), set(task->tid, &regs);
        break;
    }
    case STOP: {
        struct timespec pause = {setting / 1000, setting % 1000 * 1000000};
        nanosleep(&pause, NULL);
        break;
    }
    case LIST: break;
    }
}

static void left(struct task *task) {
    if (task->kill) kill(root, SIGKILL);
    if (task->fail) {
        registers regs;
        task->fail = false;
        if (!get(task->tid, &regs)) return;
        /* What failed by itself keeps its own error. */
        if (mode != AFTER || (long)RESULT(regs) >= 0) RESULT(regs) = -setting, set(task->tid, &regs);
    }
}

static void ring(int signal) {
    (void)signal;
    kill(root, SIGKILL);
    _exit(124);
}

static void choose(const char *text) {
    static const char *const NAMES[] = {"list", "kill-before", "kill-after", "fail", "from", "after", "short", "stop"};
    const char *value = strchr(text, ':');
    size_t length = value ? (size_t)(value - text) : strlen(text);
    for (mode = LIST; mode <= STOP; mode++)
        if (strlen(NAMES[mode]) == length && !strncmp(NAMES[mode], text, length)) break;
    if (mode > STOP) exit(125);
    if (mode == STOP) setting = value ? atol(value + 1) : 0;
    if (mode != FAIL && mode != FROM && mode != AFTER) return;
    for (size_t i = 0; value && i < sizeof ERRORS / sizeof *ERRORS; i++)
        if (!strcmp(ERRORS[i].name, value + 1)) setting = ERRORS[i].value;
    if (!setting) exit(125);
}

int main(int argc, char **argv) {
    if (argc < 8) return fprintf(stderr, "injector REPORT SECONDS MODE N CALLS PATH PROGRAM...\n"), 125;
    report = fopen(argv[1], "we");
    if (!report) die(argv[1]);
    choose(argv[3]);
    chosen = atol(argv[4]);
    calls = argv[5];
    wanted = argv[6];
    root = fork();
    if (root < 0) die("fork");
    if (!root) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execvp(argv[7], argv + 7);
        _exit(127);
    }
    int status, ended = 125;
    if (waitpid(root, &status, 0) != root || !WIFSTOPPED(status)) die("start");
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, root, NULL, options)) die("ptrace");
    signal(SIGALRM, ring);
    alarm((unsigned)atol(argv[2]));
    bool started = false;
    ptrace(PTRACE_SYSCALL, root, NULL, NULL);
    for (;;) {
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0) {
            if (errno == EINTR) continue;
            break;
        }
        struct task *task = task_of(tid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            task->tid = 0;
            if (tid != root) continue;
            ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            break;
        }
        int deliver = 0, stopped = WSTOPSIG(status);
        if (stopped == (SIGTRAP | 0x80)) {
            task->inside = !task->inside;
            if (started && task->inside) entered(task);
            if (started && !task->inside) left(task);
        } else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
            started = true;
        } else if (status >> 16) {
            /* A clone or fork: its child reports by itself. */
        } else if (stopped == SIGSTOP && tid != root) {
            /* The first stop of a new task. */
        } else {
            deliver = stopped;
        }
        ptrace(PTRACE_SYSCALL, tid, NULL, deliver);
    }
    fprintf(report, "total %ld\n", counted);
    fclose(report);
    return ended;
}
