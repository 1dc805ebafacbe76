// SPDX-License-Identifier: Apache-2.0
// The machine as a file that processes share: where it lies, who may open it, when it is made,
// joined and removed. A process is attached while it holds a shared flock on the machine's file;
// the kernel drops that lock however the process ends. Sets a machine up and knows nothing else of
// its inside.
#ifndef VGPU_STORE_H
#define VGPU_STORE_H

#include <sys/types.h>

#include "state.h"

struct store {
    int fd;
    dev_t device;  // of the file: a program that closes every descriptor must not make us
    ino_t inode;   // close somebody else's
    bool outlives; // has a state file
    struct machine_state *machine;
    char folder[PATH_MAX], name[NAME_MAX + 1];
};

// Attaches to the machine of spec, making it when nobody holds it. Negative errno: -EPROTO for a
// machine of another version of this library, -EBADMSG for a state file that is no machine.
int store_open(const struct spec *spec, struct store *store);

// Detaches; the last one out removes the machine. The mapping stays when unmap is false (at exit,
// where other threads may still be in it).
void store_close(struct store *store, bool unmap);

// Whether no other process is attached. Takes the folder's lock for a moment.
bool store_is_alone(struct store *store);

// For the child of a fork: lets go of the inherited descriptor and mapping without touching the
// machine.
void store_forget(struct store *store);

#endif
