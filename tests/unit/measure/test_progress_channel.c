/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel from both ends.  A process attaches once in its life, so every training is a child of
 * its own: it steps through the public functions, and the test reads as the supervisor does.
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "measure/progress/channel.h"
#include "measure/progress/channel_layout.h"
#include "measure/progress/channel_merge.h"
#include "wattune.h"

static struct channel *made(void)
{
    struct channel *channel = NULL;
    struct wt_error err = {0};
    if (channel_create(&channel, geteuid(), &err))
        fail_msg("%s", err.text);
    setenv(CHANNEL_ENV, channel_path(channel), 1);
    return channel;
}

static struct wt_progress read_now(struct channel *channel)
{
    struct wt_progress progress;
    assert_int_equal(channel_read(channel, &progress, NULL), 0);
    return progress;
}

/* Runs `training` in a process of its own; returns its exit code. */
static int train(int (*training)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(training());
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int three_steps_two_epochs(void)
{
    if (wt_stop_requested())
        return 1;
    for (int i = 0; i < 3; i++)
        wt_step();
    wt_epoch_end("loss", 0.5);
    wt_epoch_end("accuracy", 0.75);
    return 0;
}

static void one_thread(void **state)
{
    (void)state;
    struct channel *channel = made();
    struct wt_progress p = read_now(channel);
    assert_true(p.steps == 0 && p.epochs == 0 && p.t_ns == 0 && p.epoch_t_ns == 0 &&
                isnan(p.metric));
    int64_t begin_ns = clock_now_ns();
    assert_int_equal(train(three_steps_two_epochs), 0);
    int64_t end_ns = clock_now_ns();
    p = read_now(channel);
    assert_int_equal(p.steps, 3);
    assert_int_equal(p.epochs, 2);
    assert_true(p.metric == 0.75);
    assert_string_equal(p.metric_name, "accuracy");
    assert_true(p.t_ns > begin_ns && p.epoch_t_ns >= p.t_ns && p.epoch_t_ns < end_ns);
    channel_close(channel);
}

static void the_file_is_ours_alone_and_goes(void **state)
{
    (void)state;
    struct channel *channel = made(), *second = made();
    struct stat st;
    char path[4096];
    snprintf(path, sizeof path, "%s", channel_path(channel));
    assert_string_not_equal(path, channel_path(second));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 && st.st_uid == geteuid());
    assert_int_equal(st.st_size, sizeof(struct channel_file));
    assert_null(channel_close(channel));
    assert_int_equal(lstat(path, &st), -1);
    channel_close(second);
    assert_null(channel_close(NULL));
}

enum { THREADS = 8, STEPS_EACH = 20000 };

static void *step_often(void *unused)
{
    for (int i = 0; i < STEPS_EACH; i++)
        wt_step();
    return unused;
}

static int threads_stepping(int count)
{
    pthread_t threads[300];
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, step_often, NULL))
            return 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static int some_threads(void)
{
    return threads_stepping(THREADS);
}

/* Reads while they step: no answer may go back, be beyond the end, or come from the future. */
static void threads_add_up_and_never_go_back(void **state)
{
    (void)state;
    struct channel *channel = made();
    pid_t pid = fork();
    if (pid == 0)
        _exit(some_threads());
    struct wt_progress before = {0};
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct wt_progress p = read_now(channel);
        assert_true(p.steps >= before.steps && p.t_ns >= before.t_ns && p.t_ns <= clock_now_ns());
        assert_true(p.steps <= (uint64_t)THREADS * STEPS_EACH);
        before = p;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read_now(channel).steps, THREADS * STEPS_EACH);
    channel_close(channel);
}

static int too_many_threads(void)
{
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, step_often, NULL) || pthread_join(thread, NULL))
            return 1;
    }
    wt_step(); /* the shared slot, by one more process */
    wt_epoch_end("accuracy", 0.5);
    return fork() ? 0 : (wt_step(), wt_epoch_end("accuracy", 0.6), _exit(0), 0);
}

static void more_threads_than_slots_lose_nothing(void **state)
{
    (void)state;
    struct channel *channel = made();
    assert_int_equal(train(too_many_threads), 0);
    usleep(50000);
    /* 255 threads had slots of their own; what stepped later, in two processes, shares the last. */
    struct wt_progress p = read_now(channel);
    assert_int_equal(p.steps, 300 * STEPS_EACH + 2);
    assert_int_equal(p.epochs, 2);
    channel_close(channel);
}

static int forks_after_stepping(void)
{
    for (int i = 0; i < 10; i++) {
        wt_step();
        usleep(1000);
    }
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 4; i++)
            wt_step();
        _exit(0);
    }
    for (int i = 0; i < 10; i++) {
        wt_step();
        usleep(1000);
    }
    int status;
    return waitpid(pid, &status, 0) == pid ? 0 : 1;
}

static void a_fork_takes_a_slot_of_its_own(void **state)
{
    (void)state;
    struct channel *channel = made();
    assert_int_equal(train(forks_after_stepping), 0);
    struct channel_file file;
    int fd = open(channel_path(channel), O_RDONLY);
    assert_int_equal(read(fd, &file, sizeof file), sizeof file);
    close(fd);
    assert_int_equal(file.header.claimed, 2);
    assert_int_equal(file.slots[0].steps, 20);
    assert_int_equal(file.slots[1].steps, 4);
    assert_int_not_equal(file.slots[0].pid, file.slots[1].pid);
    assert_int_equal(read_now(channel).steps, 20); /* side by side: the furthest */
    channel_close(channel);
}

static int ten_quick_steps(void)
{
    for (int i = 0; i < 10; i++) {
        wt_step();
        usleep(1000);
    }
    wt_epoch_end("accuracy", 0.1);
    return 0;
}

static void phases_one_after_another_add_up(void **state)
{
    (void)state;
    struct channel *channel = made();
    for (unsigned phase = 1; phase <= 3; phase++) {
        assert_int_equal(train(ten_quick_steps), 0);
        struct wt_progress p = read_now(channel);
        assert_int_equal(p.steps, 10 * phase);
        assert_int_equal(p.epochs, phase);
        usleep(50000);
    }
    channel_close(channel);
}

static int asked_to_stop(void)
{
    return wt_stop_requested() ? 7 : 0;
}

static void stop_reaches_the_training(void **state)
{
    (void)state;
    struct channel *channel = made();
    assert_int_equal(train(asked_to_stop), 0);
    assert_int_equal(channel_request_stop(channel, NULL), 0);
    assert_int_equal(train(asked_to_stop), 7);
    channel_close(channel);
}

/* Whatever WATTUNE_CHANNEL names, training goes on. */
static void wrong_channels_are_ignored(void **state)
{
    (void)state;
    char shorter[] = "/tmp/wattune-test-XXXXXX", link[64];
    int fd = mkstemp(shorter);
    snprintf(link, sizeof link, "%s.link", shorter);
    struct channel *channel = made();
    assert_int_equal(symlink(channel_path(channel), link), 0);
    const char *const paths[] = {"",      "relative", "/nowhere/at/all", "/dev/null", "/tmp",
                                 shorter, link};
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        setenv(CHANNEL_ENV, paths[i], 1);
        assert_int_equal(train(three_steps_two_epochs), 0);
    }
    assert_int_equal(ftruncate(fd, sizeof(struct channel_file)), 0); /* the size, but no magic */
    setenv(CHANNEL_ENV, shorter, 1);
    assert_int_equal(train(three_steps_two_epochs), 0);
    unsetenv(CHANNEL_ENV);
    assert_int_equal(train(three_steps_two_epochs), 0);
    assert_int_equal(read_now(channel).steps, 0);
    close(fd);
    unlink(shorter);
    unlink(link);
    channel_close(channel);
}

static int cut_short(void)
{
    return truncate(getenv(CHANNEL_ENV), 100);
}

static int cut_to_half(void)
{
    wt_step();
    return truncate(getenv(CHANNEL_ENV), 200);
}

static int overwrite(void)
{
    int fd = open(getenv(CHANNEL_ENV), O_WRONLY);
    char bytes[sizeof(struct channel_header)];
    memset(bytes, 0xff, sizeof bytes);
    return write(fd, bytes, sizeof bytes) == sizeof bytes ? 0 : 1;
}

static void hostile_files_are_refused(void **state)
{
    (void)state;
    int (*const hostile[])(void) = {cut_short, cut_to_half, overwrite};
    const int expected[] = {WT_E_IO, WT_E_IO, WT_E_PARSE};
    for (unsigned i = 0; i < 3; i++) {
        struct channel *channel = made();
        assert_int_equal(train(hostile[i]), 0);
        struct wt_progress p = {.steps = 42};
        struct wt_error err;
        assert_int_equal(channel_read(channel, &p, &err), expected[i]);
        assert_non_null(strstr(err.text, "the training command"));
        assert_int_equal(p.steps, 42);
        channel_close(channel);
    }
}

/* Random bytes in every slot: answers stay sane and never go back. */
static void noise_in_the_slots(void **state)
{
    (void)state;
    struct channel *channel = made();
    int fd = open(channel_path(channel), O_RDWR);
    unsigned long seed = 3;
    struct wt_progress before = read_now(channel);
    for (int round = 0; round < 200; round++) {
        struct channel_file file;
        assert_int_equal(pread(fd, &file, sizeof file, 0), sizeof file);
        unsigned char *bytes = (unsigned char *)file.slots;
        for (size_t i = 0; i < sizeof file.slots; i++) {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            bytes[i] = seed >> 60 < 10 ? 0 : (unsigned char)(seed >> 40);
        }
        file.header.claimed = round % 2 ? UINT32_MAX : 200;
        assert_int_equal(pwrite(fd, &file, sizeof file, 0), sizeof file);
        struct wt_progress p = read_now(channel);
        assert_true(p.steps >= before.steps && p.epochs >= before.epochs);
        assert_true(p.t_ns >= before.t_ns && p.t_ns <= clock_now_ns());
        assert_true(p.epoch_t_ns >= before.epoch_t_ns && p.epoch_t_ns <= clock_now_ns());
        assert_true(isnan(p.metric) || isfinite(p.metric));
        assert_true(memchr(p.metric_name, 0, sizeof p.metric_name) != NULL);
        for (const char *c = p.metric_name; *c; c++)
            assert_true(*c >= 0x20 && *c < 0x7f);
        before = p;
    }
    close(fd);
    channel_close(channel);
}

static struct channel_slot slot(uint32_t pid, uint64_t steps, int64_t claimed_ns, int64_t last_ns)
{
    return (struct channel_slot){
        .pid = pid, .steps = steps, .claimed_ns = claimed_ns, .last_ns = last_ns, .metric = NAN};
}

static void merging_by_hand(void **state)
{
    (void)state;
    struct channel_merged m;
    const int64_t s = NS_PER_S;
    /* Two ranks in step: 100 and 99 steps; then the slower catches up and its time is the one that
     * counts. */
    struct channel_slot ranks[] = {slot(10, 100, 1 * s, 11 * s), slot(11, 99, s + 1000, 10 * s)};
    channel_merge(ranks, 2, 0, 20 * s, &m);
    assert_true(m.steps == 100 && m.last_ns == 11 * s);
    ranks[1].steps = 100;
    ranks[1].last_ns = 12 * s;
    channel_merge(ranks, 2, 0, 20 * s, &m);
    assert_true(m.steps == 100 && m.last_ns == 12 * s);
    /* Ranks that began a step apart are ranks still. */
    struct channel_slot first[] = {slot(10, 1, 1 * s, 1 * s),
                                   slot(11, 1, 1 * s + s / 2, 1 * s + s / 2)};
    channel_merge(first, 2, 0, 20 * s, &m);
    assert_int_equal(m.steps, 1);
    /* Both workers die and are restarted: 100 of before, 5 of now. */
    struct channel_slot restarted[] = {ranks[0], ranks[1], slot(12, 5, 15 * s, 16 * s),
                                       slot(13, 4, 15 * s, 16 * s)};
    channel_merge(restarted, 4, 0, 20 * s, &m);
    assert_int_equal(m.steps, 105);
    /* Two threads of one process add up. */
    struct channel_slot threads[] = {slot(10, 7, 1 * s, 2 * s), slot(10, 8, 1 * s, 3 * s)};
    channel_merge(threads, 2, 0, 20 * s, &m);
    assert_true(m.steps == 15 && m.last_ns == 3 * s);
    /* More steps than the time can hold; times in the future and before the channel. */
    struct channel_slot lies[] = {slot(10, UINT64_MAX, 1, 2), slot(11, 3, -5 * s, INT64_MAX)};
    channel_merge(lies, 2, 5 * s, 20 * s, &m);
    assert_true(m.steps == 3 && m.last_ns == 20 * s);
    /* The epoch of the first among equals; a metric that is no number; a name without end. */
    struct channel_slot epochs[] = {slot(10, 9, s, 2 * s), slot(11, 9, s + 1, 2 * s)};
    epochs[0].epochs = epochs[1].epochs = 2;
    epochs[0].epoch_ns = epochs[1].epoch_ns = 2 * s;
    epochs[0].metric = INFINITY;
    memset(epochs[0].metric_name, 'a', sizeof epochs[0].metric_name);
    epochs[0].metric_name[1] = '\n';
    channel_merge(epochs, 2, 0, 20 * s, &m);
    assert_true(m.epochs == 2 && isnan(m.metric));
    assert_int_equal(strlen(m.metric_name), WT_METRIC_LEN - 1);
    assert_memory_equal(m.metric_name, "a?aa", 4);
    epochs[1].epochs = 3;
    epochs[1].metric = 0.25;
    channel_merge(epochs, 2, 0, 20 * s, &m);
    assert_true(m.epochs == 3 && m.metric == 0.25);
}

/* A writer that was stopped halfway leaves its sequence odd: what was read of it before stays. */
static void a_torn_slot_keeps_its_last_values(void **state)
{
    (void)state;
    struct channel *channel = made();
    assert_int_equal(train(three_steps_two_epochs), 0);
    assert_int_equal(read_now(channel).steps, 3);
    int fd = open(channel_path(channel), O_RDWR);
    struct channel_slot torn;
    const off_t at = offsetof(struct channel_file, slots);
    assert_int_equal(pread(fd, &torn, sizeof torn, at), sizeof torn);
    torn.sequence |= 1;
    torn.steps = 4;
    assert_int_equal(pwrite(fd, &torn, sizeof torn, at), sizeof torn);
    assert_int_equal(read_now(channel).steps, 3);
    torn.sequence++;
    assert_int_equal(pwrite(fd, &torn, sizeof torn, at), sizeof torn);
    assert_int_equal(read_now(channel).steps, 4);
    close(fd);
    channel_close(channel);
}

static int time_of_a_step(void)
{
    wt_step();
    enum { STEPS = 1000000 };
    int64_t begin_ns = clock_monotonic_ns();
    for (int i = 0; i < STEPS; i++)
        wt_step();
    double each_ns = (double)(clock_monotonic_ns() - begin_ns) / STEPS;
    print_message("wt_step: %.1f ns\n", each_ns);
    return each_ns < 1000 ? 0 : 1; /* a system call a step, or a lock, would not be */
}

static void a_step_is_quick(void **state)
{
    (void)state;
    struct channel *channel = made();
    assert_int_equal(train(time_of_a_step), 0);
    unsetenv(CHANNEL_ENV);
    assert_int_equal(train(time_of_a_step), 0);
    channel_close(channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread),
        cmocka_unit_test(the_file_is_ours_alone_and_goes),
        cmocka_unit_test(threads_add_up_and_never_go_back),
        cmocka_unit_test(more_threads_than_slots_lose_nothing),
        cmocka_unit_test(a_fork_takes_a_slot_of_its_own),
        cmocka_unit_test(phases_one_after_another_add_up),
        cmocka_unit_test(stop_reaches_the_training),
        cmocka_unit_test(wrong_channels_are_ignored),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(noise_in_the_slots),
        cmocka_unit_test(merging_by_hand),
        cmocka_unit_test(a_torn_slot_keeps_its_last_values),
        cmocka_unit_test(a_step_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
