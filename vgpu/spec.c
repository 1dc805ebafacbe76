// SPDX-License-Identifier: Apache-2.0
// Both grammars of a SPEC. A list of models is tried first; anything else must be a file. A
// machine file is sections, keys and values, one a line; every key is a row of a table here, and
// every complaint names file and line. Numbers have the form of the C locale, whatever the host
// program has set.
//
//     [machine]                     all of it may be left out
//     seed = 1                      draws every card's sensor: gain, offset, ticks, noise
//     user_may_set = true           false: nobody may change limits, clocks or modes, root included
//     state = vm.state              the machine is kept in this file, beside the machine file
//     mode = 0600                   of the shared file: 0660, 0666 let other users into the machine
//     latency = off                 real: calls take as long as on a real card
//     time_scale = 1                speed of the machine's clock, 0.01 to 1000
//
//     [gpu 0]                       then [gpu 1] and so on, in order
//     model = v100                  the only key that is needed
//     power_limit_w = 250           in force when the machine starts; default: the model's maximum
//     uuid = GPU-...                default: made from the machine's identity, so always the same
//     fault = lost@60, slow=1@5     NAME@SECONDS or NAME=VALUE@SECONDS after the machine's start
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_SPEC "v100"
#define MAX_FILE_BYTES (64 * 1024) // 64 GPUs with all their keys and faults need less than 40 KiB

struct parser {
    struct spec *spec;
    const char *file; // as the user wrote it
    unsigned line;
    int gpu; // section: -2 none yet, -1 machine, else the GPU's index
    unsigned machine_keys, gpu_keys[SPEC_MAX_GPUS];
    bool seen_machine;
    char *message;
    size_t message_len;
};

__attribute__((format(printf, 2, 3))) static int complain(struct parser *p, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (p->message_len > 0) {
        if (p->file && p->line)
            snprintf(p->message, p->message_len, "%s:%u: %s", p->file, p->line, text);
        else if (p->file)
            snprintf(p->message, p->message_len, "%s: %s", p->file, text);
        else
            snprintf(p->message, p->message_len, "%s", text);
    }
    return -EINVAL;
}

static bool parse_number(const char *text, double *value)
{
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    char *end = NULL;
    double number = c_locale ? strtod_l(text, &end, c_locale) : strtod(text, &end);
    if (c_locale)
        freelocale(c_locale);
    // strtod takes "inf", "nan" and hexadecimal as well; a machine file does not.
    if (end == text || *end != '\0' || !isfinite(number) || strpbrk(text, "xXnN"))
        return false;
    *value = number;
    return true;
}

static bool parse_unsigned(const char *text, int base, unsigned long long *value)
{
    char *end = NULL;
    errno = 0;
    if (!isdigit((unsigned char)*text))
        return false;
    *value = strtoull(text, &end, base);
    return errno == 0 && *end == '\0';
}

static bool parse_bool(const char *text, bool *value)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return false;
    *value = text[0] == 't';
    return true;
}

// ---- faults

enum fault_value { TAKES_NOTHING, TAKES_FUNCTION, TAKES_SECONDS, TAKES_COUNT, TAKES_WATTS };

static const struct {
    const char *name;
    enum fault_kind kind;
    enum fault_value takes;
} fault_names[] = {
    {"lost", FAULT_LOST, TAKES_NOTHING},
    {"no_permission", FAULT_NO_PERMISSION, TAKES_NOTHING},
    {"unsupported", FAULT_UNSUPPORTED, TAKES_FUNCTION},
    {"energy_frozen", FAULT_ENERGY_FROZEN, TAKES_NOTHING},
    {"energy_reset", FAULT_ENERGY_RESET, TAKES_NOTHING},
    {"power_stuck", FAULT_POWER_STUCK, TAKES_NOTHING},
    {"slow", FAULT_SLOW, TAKES_SECONDS},
    {"fail_call", FAULT_FAIL_CALL, TAKES_COUNT},
    {"limit_ignored", FAULT_LIMIT_IGNORED, TAKES_NOTHING},
    {"enforced_w", FAULT_ENFORCED_W, TAKES_WATTS},
    {"thermal", FAULT_THERMAL, TAKES_NOTHING},
    {"unload", FAULT_UNLOAD, TAKES_NOTHING},
};

static bool is_function_name(const char *text)
{
    size_t len = strlen(text);
    if (strncmp(text, "nvml", 4) != 0 || len >= SPEC_FUNCTION_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return true;
}

static int parse_fault_value(struct parser *p, const char *name, enum fault_value takes,
                             const char *text, struct fault *fault)
{
    if (takes == TAKES_NOTHING)
        return text ? complain(p, "fault %s takes no value", name) : 0;
    if (!text || *text == '\0')
        return complain(p, "fault %s needs a value: %s=...@SECONDS", name, name);
    if (takes == TAKES_FUNCTION) {
        if (!is_function_name(text))
            return complain(p, "fault %s=%s: not the name of an NVML function", name, text);
        strcpy(fault->function, text);
        return 0;
    }
    if (!parse_number(text, &fault->value) || fault->value < 0 || fault->value > 1e6)
        return complain(p, "fault %s=%s: not a number from 0 to 1000000", name, text);
    if (takes == TAKES_COUNT && (fault->value < 1 || fault->value != floor(fault->value)))
        return complain(p, "fault %s=%s: not a count from 1 up", name, text);
    if (takes == TAKES_WATTS && fault->value <= 0)
        return complain(p, "fault %s=%s: not a power above 0 W", name, text);
    return 0;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int parse_fault(struct parser *p, char *text, struct fault *fault)
{
    char *at = strchr(text, '@');
    double at_s;
    if (!at)
        return complain(p, "fault '%s' lacks its time: NAME@SECONDS or NAME=VALUE@SECONDS", text);
    *at = '\0';
    if (!parse_number(at + 1, &at_s) || at_s < 0 || at_s > 1e6)
        return complain(p, "fault '%s@%s': not a time from 0 to 1000000 s", text, at + 1);
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < sizeof fault_names / sizeof fault_names[0]; i++) {
        if (strcmp(fault_names[i].name, text) != 0)
            continue;
        *fault = (struct fault){.kind = fault_names[i].kind, .at_ns = (int64_t)(at_s * 1e9)};
        return parse_fault_value(p, text, fault_names[i].takes, value, fault);
    }
    return complain(p, "unknown fault '%s'", text);
}

static int set_faults(struct parser *p, struct spec_gpu *gpu, char *value)
{
    for (char *next = value; next;) {
        char *one = next;
        next = strchr(one, ',');
        if (next)
            *next++ = '\0';
        if (gpu->fault_count == SPEC_MAX_FAULTS)
            return complain(p, "more than %d faults for one GPU", SPEC_MAX_FAULTS);
        int error = parse_fault(p, trim(one), &gpu->faults[gpu->fault_count]);
        if (error)
            return error;
        gpu->fault_count++;
    }
    return 0;
}

// ---- keys of [machine]

static int set_seed(struct parser *p, char *value)
{
    unsigned long long seed;
    if (!parse_unsigned(value, 10, &seed))
        return complain(p, "seed = %s is not a whole number", value);
    p->spec->seed = seed;
    return 0;
}

static int set_user_may_set(struct parser *p, char *value)
{
    return parse_bool(value, &p->spec->user_may_set)
               ? 0
               : complain(p, "user_may_set = %s is neither true nor false", value);
}

static int set_state(struct parser *p, char *value)
{
    const char *slash = strrchr(p->spec->identity, '/');
    size_t folder_len = value[0] == '/' || !slash ? 0 : (size_t)(slash + 1 - p->spec->identity);
    int len = snprintf(p->spec->state_path, sizeof p->spec->state_path, "%.*s%s", (int)folder_len,
                       p->spec->identity, value);
    if (len < 0 || (size_t)len >= sizeof p->spec->state_path)
        return complain(p, "state: the path is too long");
    return 0;
}

static int set_mode(struct parser *p, char *value)
{
    unsigned long long mode;
    if (!parse_unsigned(value, 8, &mode) || (mode & 0600) != 0600 || (mode & ~0666ULL) != 0)
        return complain(
            p, "mode = %s is not an octal mode from 0600 to 0666 with both bits of its owner",
            value);
    p->spec->mode = (unsigned)mode;
    return 0;
}

static int set_latency(struct parser *p, char *value)
{
    p->spec->real_latency = strcmp(value, "real") == 0;
    return p->spec->real_latency || strcmp(value, "off") == 0
               ? 0
               : complain(p, "latency = %s is neither off nor real", value);
}

static int set_time_scale(struct parser *p, char *value)
{
    if (!parse_number(value, &p->spec->time_scale) || p->spec->time_scale < 0.01 ||
        p->spec->time_scale > 1000)
        return complain(p, "time_scale = %s is outside 0.01 to 1000", value);
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct parser *, char *);
} machine_keys[] = {
    {"seed", set_seed}, {"user_may_set", set_user_may_set}, {"state", set_state},
    {"mode", set_mode}, {"latency", set_latency},           {"time_scale", set_time_scale},
};

// ---- keys of [gpu N]

// "; did you mean v100?", or "" when no model has nearly this name.
static const char *meant(const char *word, size_t len, char text[40])
{
    const char *key = model_meant(word, len);
    text[0] = 0;
    if (key)
        snprintf(text, 40, "; did you mean %s?", key);
    return text;
}

static int set_model(struct parser *p, struct spec_gpu *gpu, char *value)
{
    const struct vgpu_model *model = model_find(value, strlen(value));
    char near[40];
    if (!model)
        return complain(p, "unknown model '%s' (p100 v100 a40 rtx6000 a100 h100)%s", value,
                        meant(value, strlen(value), near));
    gpu->model = (uint32_t)model_position(model);
    return 0;
}

// The range depends on the model, which may stand below: checked again when the section is whole.
static int set_power_limit(struct parser *p, struct spec_gpu *gpu, char *value)
{
    double watts;
    if (!parse_number(value, &watts) || watts <= 0 || watts > 100000)
        return complain(p, "power_limit_w = %s is not a power in W", value);
    gpu->limit_mw = (uint32_t)lround(watts * 1000);
    return 0;
}

static int set_uuid(struct parser *p, struct spec_gpu *gpu, char *value)
{
    static const char pattern[] = "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool good = strlen(value) == sizeof pattern - 1;
    for (size_t i = 0; good && i < sizeof pattern - 1; i++)
        good = pattern[i] == 'x'
                   ? isdigit((unsigned char)value[i]) || (value[i] >= 'a' && value[i] <= 'f')
                   : value[i] == pattern[i];
    if (!good)
        return complain(p, "uuid = %s is not of the form %s in small hexadecimal", value, pattern);
    strcpy(gpu->uuid, value);
    return 0;
}

enum { KEY_MODEL, KEY_POWER_LIMIT };

static const struct {
    const char *name;
    int (*set)(struct parser *, struct spec_gpu *, char *);
} gpu_keys[] = {
    [KEY_MODEL] = {"model", set_model},
    [KEY_POWER_LIMIT] = {"power_limit_w", set_power_limit},
    {"fault", set_faults},
    {"uuid", set_uuid},
};

// ---- lines and files

static int take_key(struct parser *p, const char *key, char *value)
{
    unsigned *seen = p->gpu < 0 ? &p->machine_keys : &p->gpu_keys[p->gpu];
    size_t count = p->gpu < 0 ? sizeof machine_keys / sizeof machine_keys[0]
                              : sizeof gpu_keys / sizeof gpu_keys[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(key, p->gpu < 0 ? machine_keys[i].name : gpu_keys[i].name) != 0)
            continue;
        if (*seen & 1u << i)
            return complain(p, "%s is given twice", key);
        *seen |= 1u << i;
        return p->gpu < 0 ? machine_keys[i].set(p, value)
                          : gpu_keys[i].set(p, &p->spec->gpus[p->gpu], value);
    }
    return complain(p, "unknown key '%s' in [%s]", key, p->gpu < 0 ? "machine" : "gpu N");
}

static int check_gpu(struct parser *p, int index)
{
    struct spec_gpu *gpu = &p->spec->gpus[index];
    if (!(p->gpu_keys[index] & 1u << KEY_MODEL))
        return complain(p, "[gpu %d] has no model", index);
    const struct vgpu_model *model = model_at(gpu->model);
    if (!(p->gpu_keys[index] & 1u << KEY_POWER_LIMIT))
        gpu->limit_mw = model->max_limit_mw;
    if (gpu->limit_mw < model->min_limit_mw || gpu->limit_mw > model->max_limit_mw)
        return complain(p, "power_limit_w = %g is outside %u to %u W", gpu->limit_mw / 1000.0,
                        model->min_limit_mw / 1000, model->max_limit_mw / 1000);
    return 0;
}

static int begin_section(struct parser *p, char *name)
{
    unsigned long long index;
    if (strcmp(name, "machine") == 0) {
        if (p->seen_machine)
            return complain(p, "[machine] is given twice");
        p->seen_machine = true;
        p->gpu = -1;
        return 0;
    }
    if (strncmp(name, "gpu ", 4) != 0 || !parse_unsigned(trim(name + 4), 10, &index))
        return complain(p, "unknown section [%s]: [machine] or [gpu N]", name);
    if (index >= SPEC_MAX_GPUS)
        return complain(p, "[gpu %llu]: a machine has at most %d GPUs", index, SPEC_MAX_GPUS);
    if (index != p->spec->gpu_count)
        return complain(p, "[gpu %llu] is out of order: [gpu %u] comes next", index,
                        p->spec->gpu_count);
    p->gpu = (int)index;
    p->spec->gpu_count++;
    return 0;
}

static int take_line(struct parser *p, char *line)
{
    // A limit is complained about on its own line when the model stands above it, which is the
    // usual order.
    if (*line == '\0' || *line == '#' || *line == ';')
        return 0;
    size_t len = strlen(line);
    if (*line == '[') {
        if (line[len - 1] != ']')
            return complain(p, "a section must end with ]");
        line[len - 1] = '\0';
        return begin_section(p, trim(line + 1));
    }
    char *value = strchr(line, '=');
    if (!value)
        return complain(p, "neither a section nor KEY = VALUE");
    *value++ = '\0';
    char *key = trim(line);
    value = trim(value);
    if (p->gpu == -2)
        return complain(p, "'%s' stands before any section", key);
    if (*value == '\0')
        return complain(p, "%s has no value", key);
    int error = take_key(p, key, value);
    bool both_known = p->gpu >= 0 && (p->gpu_keys[p->gpu] & 3u) == 3u;
    return error || !both_known ? error : check_gpu(p, p->gpu);
}

static int check_machine(struct parser *p)
{
    p->line = 0;
    if (p->spec->gpu_count == 0)
        return complain(p, "a machine needs at least a [gpu 0] with a model");
    for (unsigned i = 0; i < p->spec->gpu_count; i++) {
        int error = check_gpu(p, (int)i);
        if (error)
            return error;
        for (unsigned j = 0; j < i; j++)
            if (p->spec->gpus[i].uuid[0] &&
                strcmp(p->spec->gpus[i].uuid, p->spec->gpus[j].uuid) == 0)
                return complain(p, "[gpu %u] and [gpu %u] have the same uuid", j, i);
    }
    return 0;
}

// Reads a whole regular file of modest size. NUL bytes are refused: they would hide the rest of a
// line.
static char *read_file(struct parser *p, const char *path, struct stat *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        complain(p, "%s", strerror(errno));
        return NULL;
    }
    char *text = NULL;
    size_t len = 0;
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode) || status->st_size > MAX_FILE_BYTES) {
        complain(p, "not a machine file (a regular file of at most 64 KiB)");
        goto done;
    }
    text = malloc(MAX_FILE_BYTES + 1);
    ssize_t got = 0;
    while (text && len < MAX_FILE_BYTES && (got = read(fd, text + len, MAX_FILE_BYTES - len)) > 0)
        len += (size_t)got;
    if (!text || got < 0 || memchr(text, '\0', len)) {
        complain(p, "cannot be read as text");
        free(text);
        text = NULL;
        goto done;
    }
    text[len] = '\0';
done:
    close(fd);
    return text;
}

static int parse_file(struct parser *p, const char *path)
{
    struct stat status;
    p->file = path;
    if (!realpath(path, p->spec->identity))
        return complain(p, "%s", strerror(errno));
    char *text = read_file(p, path, &status);
    if (!text)
        return -EINVAL;
    p->spec->is_file = true;
    p->spec->owner = status.st_uid;
    int error = 0;
    for (char *next = text; next && !error;) {
        char *line = next;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        p->line++;
        error = take_line(p, trim(line));
    }
    free(text);
    return error ? error : check_machine(p);
}

static int add_models(struct parser *p, const char *item, size_t len)
{
    const char *colon = memchr(item, ':', len);
    size_t key_len = colon ? (size_t)(colon - item) : len;
    const struct vgpu_model *model = model_find(item, key_len);
    unsigned long count = 1;
    char near[40];
    if (!model)
        return complain(p, "'%.*s' is no model (p100 v100 a40 rtx6000 a100 h100)%s", (int)key_len,
                        item, meant(item, key_len, near));
    if (colon) {
        char digits[8] = "", *end;
        size_t digits_len = len - key_len - 1;
        if (digits_len > 0 && digits_len < sizeof digits)
            memcpy(digits, colon + 1, digits_len);
        count = strtoul(digits, &end, 10);
        if (!isdigit((unsigned char)digits[0]) || *end != '\0' || count == 0)
            return complain(p, "'%.*s': the count is not a whole number from 1 up", (int)len, item);
    }
    if (count > SPEC_MAX_GPUS - p->spec->gpu_count)
        return complain(p, "a machine has at most %d GPUs", SPEC_MAX_GPUS);
    for (; count > 0; count--)
        p->spec->gpus[p->spec->gpu_count++] = (struct spec_gpu){
            .model = (uint32_t)model_position(model), .limit_mw = model->max_limit_mw};
    return 0;
}

// Equal machines get equal names: v100,v100 and v100:2 are one.
static void write_identity(struct spec *spec)
{
    size_t len = 0;
    for (unsigned i = 0, run; i < spec->gpu_count; i += run) {
        for (run = 1; i + run < spec->gpu_count && spec->gpus[i + run].model == spec->gpus[i].model;
             run++)
            ;
        len += (size_t)snprintf(spec->identity + len, sizeof spec->identity - len, "%s%s:%u",
                                i ? "," : "", model_at(spec->gpus[i].model)->key, run);
    }
}

static int parse_list(struct parser *p, const char *text)
{
    for (const char *item = text; item;) {
        const char *comma = strchr(item, ',');
        int error = add_models(p, item, comma ? (size_t)(comma - item) : strlen(item));
        if (error)
            return error;
        item = comma ? comma + 1 : NULL;
    }
    write_identity(p->spec);
    return 0;
}

static void start(struct spec *spec)
{
    *spec = (struct spec){
        .owner = geteuid(), .seed = 1, .user_may_set = true, .mode = 0600, .time_scale = 1.0};
}

int spec_parse(const char *text, struct spec *spec, char *message, size_t message_len)
{
    struct parser p = {.spec = spec, .gpu = -2, .message = message, .message_len = message_len};
    if (!text || *text == '\0')
        text = DEFAULT_SPEC;
    start(spec);
    char near[40];
    int list_error = parse_list(&p, text);
    if (!list_error)
        return 0;
    struct stat status;
    if (stat(text, &status) == 0 || strchr(text, '/')) {
        start(spec);
        return parse_file(&p, text);
    }
    // A text that looks like a list of models keeps the list's complaint; any other gets both.
    if (!strpbrk(text, ",:"))
        complain(&p,
                 "'%s' is neither a model (p100 v100 a40 rtx6000 a100 h100) nor a machine file%s",
                 text, meant(text, strlen(text), near));
    return list_error;
}
