/* SPDX-License-Identifier: Apache-2.0
 *
 * Which devices are meant: --gpus, or the rest that CUDA_VISIBLE_DEVICES leaves, in every form it
 * has.  The rules for the variable are CUDA's: the list ends at the first entry that is not valid,
 * -1 and an empty value leave nothing. We are stricter in one place: an entry that names no device
 * is an error, since a typing mistake would otherwise be measured as "no GPU".
 */
#include "measure/sense/sense.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

struct sense_access {
    struct sense *sense;
    unsigned *selected, *count;
};

static int add(struct sense_access *to, unsigned i, bool is_instance, struct wt_error *err)
{
    if (!sense_device(to->sense, i)->uuid[0])
        return error_set(err, WT_E_DEVICE_LOST, "GPU %u does not answer", i);
    for (unsigned k = 0; k < *to->count; k++)
        if (to->selected[k] == i && is_instance)
            return 0; /* several MIG instances of one GPU */
        else if (to->selected[k] == i)
            return error_set(err, WT_E_NO_DEVICE, "GPU %u is named twice",
                             sense_device(to->sense, i)->index);
    to->selected[(*to->count)++] = i; /* none twice, so there is room for all */
    return 0;
}

static int by_uuid(struct sense *sense, const char *prefix, unsigned *found, struct wt_error *err)
{
    unsigned matches = 0;
    size_t length = strlen(prefix);
    for (unsigned i = 0; i < sense_gpu_count(sense); i++)
        if (strncasecmp(sense_device(sense, i)->uuid, prefix, length) == 0) {
            *found = i;
            matches++;
        }
    if (matches == 1)
        return 0;
    return error_set(err, WT_E_NO_DEVICE,
                     matches ? "%s names %u GPUs: give more of the UUID" : "there is no GPU %s",
                     prefix, matches);
}

/* "0000:01:00.0" and "00000000:01:00.0" are the same address; so is one without its domain when it
 * is 0. */
static const char *pci_tail(const char *address, unsigned long *domain)
{
    unsigned colons = 0;
    for (const char *p = address; *p; p++)
        colons += *p == ':';
    *domain = 0;
    if (colons != 2)
        return address;
    if (sscanf(address, "%8lx", domain) != 1)
        *domain = ~0UL;
    return strchr(address, ':') + 1;
}

static int by_pci(struct sense *sense, const char *address, unsigned *found, struct wt_error *err)
{
    unsigned long wanted, domain;
    const char *tail = pci_tail(address, &wanted);
    for (unsigned i = 0; i < sense_gpu_count(sense); i++)
        if (strcasecmp(pci_tail(sense_device(sense, i)->pci_address, &domain), tail) == 0 &&
            domain == wanted) {
            *found = i;
            return 0;
        }
    return error_set(err, WT_E_NO_DEVICE, "there is no GPU at PCI address %s", address);
}

/* MIG: power and energy exist for the whole GPU only (NVML facts, 3.3), so an instance means its
 * parent. */
static int by_mig(struct sense *sense, const char *uuid, unsigned *found, char words[256],
                  struct wt_error *err)
{
    int rc;
    if (strncmp(uuid, "MIG-GPU-", 8) ==
        0) { /* the older form carries its parent: MIG-GPU-<uuid>/<gi>/<ci> */
        char parent[WT_UUID_LEN];
        snprintf(parent, sizeof parent, "%.*s", (int)strcspn(uuid + 4, "/"), uuid + 4);
        rc = by_uuid(sense, parent, found, err);
    } else {
        rc = sense_mig_parent(sense, uuid, found, err);
        if (rc == WT_E_NOT_FOUND)
            error_set(err, rc = WT_E_NO_DEVICE, "there is no GPU that %.96s is a part of", uuid);
    }
    if (rc == 0)
        snprintf(
            words, 256,
            "%.100s is a part of GPU %u: energy exists for the whole GPU only, which is measured",
            uuid, sense_device(sense, *found)->index);
    return rc;
}

static int by_index(struct sense *sense, const char *text, unsigned *found, struct wt_error *err)
{
    uint64_t index;
    unsigned count = sense_gpu_count(sense);
    if (parse_u64(text, 0, 1000000, &index) || index >= count)
        return error_set(err, WT_E_NO_DEVICE, "there is no GPU %s: this machine has %u", text,
                         count);
    *found = (unsigned)index;
    return 0;
}

static int parse_gpus(struct sense_access *to, const char *gpus, char words[256],
                      struct wt_error *err)
{
    char part[128];
    int rc;
    while ((rc = parse_next_part(&gpus, ',', part, sizeof part)) == 1) {
        unsigned i = 0;
        int found = part[0] == '\0'
                        ? error_set(err, WT_E_NO_DEVICE, "the list of GPUs has an empty entry")
                    : strncasecmp(part, "GPU-", 4) == 0 ? by_uuid(to->sense, part, &i, err)
                    : strncasecmp(part, "MIG-", 4) == 0 ? by_mig(to->sense, part, &i, words, err)
                    : strchr(part, ':')                 ? by_pci(to->sense, part, &i, err)
                                                        : by_index(to->sense, part, &i, err);
        if (found == 0)
            found = add(to, i, strncasecmp(part, "MIG-", 4) == 0, err);
        if (found)
            return found;
    }
    return rc < 0 ? error_set(err, WT_E_NO_DEVICE, "an entry of the list of GPUs is too long") : 0;
}

/* CUDA's default order is "fastest first"; the driver does not tell speeds, so we rank by the
 * largest power limit, ties in PCI order, and say so when it matters (GPUs of different kinds). */
static void cuda_order(struct sense *sense, const char *order, unsigned by_rank[], char words[256])
{
    unsigned n = sense_gpu_count(sense);
    for (unsigned i = 0; i < n; i++)
        by_rank[i] = i;
    if (order && strcmp(order, "PCI_BUS_ID") == 0)
        return;
    bool mixed = false;
    for (unsigned i = 1; i < n; i++) {
        unsigned device = by_rank[i], k = i;
        mixed |= strcmp(sense_device(sense, i)->name, sense_device(sense, 0)->name) != 0;
        for (; k > 0 && sense_device(sense, by_rank[k - 1])->limit_max_mw <
                            sense_device(sense, device)->limit_max_mw;
             k--)
            by_rank[k] = by_rank[k - 1];
        by_rank[k] = device;
    }
    if (mixed)
        snprintf(words, 256,
                 "the GPUs differ and CUDA_DEVICE_ORDER is not PCI_BUS_ID: indexes in "
                 "CUDA_VISIBLE_DEVICES "
                 "are taken as fastest (largest power limit) first");
}

static int parse_visible(struct sense_access *to, const char *visible, const char *order,
                         char words[256], struct wt_error *err)
{
    unsigned by_rank[WT_MAX_DEVICES];
    char part[128], remark[256] = "";
    int rc;
    cuda_order(to->sense, order, by_rank, remark);
    while ((rc = parse_next_part(&visible, ',', part, sizeof part)) == 1) {
        unsigned i = 0;
        if (part[0] == '\0' || part[0] == '-' || strcasecmp(part, "NoDevFiles") == 0)
            break; /* -1 or nothing: this and all that follow are hidden */
        int found;
        if (strncasecmp(part, "GPU-", 4) == 0) {
            found = by_uuid(to->sense, part, &i, err);
        } else if (strncasecmp(part, "MIG-", 4) == 0) {
            found = by_mig(to->sense, part, &i, words, err);
        } else {
            found = by_index(to->sense, part, &i, err);
            if (found == 0)
                i = by_rank[i];
            snprintf(words, 256, "%s", remark);
        }
        if (found == 0)
            found = add(to, i, strncasecmp(part, "MIG-", 4) == 0, err);
        if (found) {
            error_prefix(err, "CUDA_VISIBLE_DEVICES");
            return found;
        }
    }
    return rc < 0 ? error_set(err, WT_E_NO_DEVICE,
                              "CUDA_VISIBLE_DEVICES has an entry that is too long")
                  : 0;
}

int sense_select(struct sense *sense, const char *gpus, const char *visible, const char *order,
                 unsigned selected[WT_MAX_DEVICES], unsigned *count, char words[256],
                 struct wt_error *err)
{
    unsigned found[WT_MAX_DEVICES], n = 0; /* the caller's stay as they are when this fails */
    struct sense_access to = {sense, found, &n};
    int rc = 0;
    words[0] = '\0';
    if (gpus)
        rc = parse_gpus(&to, gpus, words, err);
    else if (visible)
        rc = parse_visible(&to, visible, order, words, err);
    else
        for (unsigned i = 0; i < sense_gpu_count(sense); i++)
            if (sense_device(sense, i)->uuid[0])
                found[n++] = i;
            else
                snprintf(words, 256, "GPU %u does not answer: it is left out", i);
    if (rc == 0 && n == 0)
        rc = error_set(err, WT_E_NO_DEVICE,
                       visible && !gpus ? "CUDA_VISIBLE_DEVICES leaves no GPU"
                                        : "there is no GPU that answers");
    if (rc == 0) {
        memcpy(selected, found, n * sizeof *selected);
        *count = n;
    }
    return rc;
}
