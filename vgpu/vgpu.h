// SPDX-License-Identifier: Apache-2.0
// The virtual GPU's own functions, beside NVML's: a training program (or a test) puts load on a
// virtual card with them and reads the truth. Exported by the virtual libnvidia-ml.so.1 only, so a
// program that also runs on real cards looks these names up with dlsym.
//
// WATTUNE_VGPU=SPEC names the machine: a model (p100 v100 a40 rtx6000 a100 h100), a model with a
// count (a40:4), a comma list, or the path of a machine file. Unset, the library is a single V100:
// its folder in LD_LIBRARY_PATH asks for it. Every function attaches to the machine
// by itself when nvmlInit was not called, and the process then stays attached until it ends.
//
// A machine file can plan faults of a GPU: fault = NAME@SECONDS or NAME=VALUE@SECONDS, a comma
// list, seconds of the machine's clock since its start. From that moment on (of the same kind the
// latest counts):
// clang-format off
//   lost                  every call on the GPU answers GPU_IS_LOST, a handle too; work on it ends with -EIO
//   no_permission         every change answers NO_PERMISSION
//   unsupported=FUNCTION  it answers NOT_SUPPORTED; without "_vN" all versions of it do
//   energy_frozen         the energy counter stays where it is
//   energy_reset          the energy counter starts from 0 again
//   power_stuck           power readings stay where they are
//   slow=SECONDS          every call on the GPU takes that long (the machine's seconds); others do not wait
//   fail_call=N           the N-th call on the GPU by a process answers UNKNOWN, once; handles do not count
//   limit_ignored         setting the power limit succeeds and changes nothing
//   enforced_w=WATTS      no more than WATTS is enforced; the limit reads as it was set
//   thermal               for 10 s: half the clock, hot, hardware thermal slowdown among the reasons
//   unload                the driver of all GPUs is unloaded: until the process calls nvmlInit again its calls
//                         answer UNINITIALIZED; limits, locks and modes at their defaults, counters at 0;
//                         work under way ends with -EIO
// clang-format on
#ifndef WATTUNE_VGPU_H
#define WATTUNE_VGPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Does one piece of work on a virtual GPU and returns when it is done: full_clock_s * host_share
// seconds of host work, then the rest on the GPU, where the clock decides its length. gpu is the
// machine's (physical) index: CUDA_VISIBLE_DEVICES is the caller's to translate. full_clock_s: time
// at full clock, up to 1e6 s; full_clock_w: power at full clock, up to 10000 W; clock_share and
// host_share: 0 to 1. These are T1, Pb, mu and h of model M3. Returns 0; -EINVAL for a number out
// of range, -ENODEV for no such GPU, -EAGAIN when 64 pieces are under way on it already, -EIO when
// the GPU is lost or loses its driver under the work (faults of a machine file), -ENXIO when there
// is no machine (vgpu_check_spec says why).
int vgpu_work(unsigned gpu, double full_clock_s, double full_clock_w, double clock_share,
              double host_share);

// The machine's clock in ns: CLOCK_MONOTONIC, run time_scale times faster when the machine file
// says so. Without a machine it is CLOCK_MONOTONIC.
int64_t vgpu_now_ns(void);

// Energy in J that this card's sensor would have counted by now had it neither ticks nor gaps: the
// integral of gain * P + offset, with the energy counter's origin at the machine's start. No
// planned fault touches it: it goes on through a counter that freezes or is reset and through the
// loss of the GPU. NaN when there is no such GPU.
double vgpu_true_energy_j(unsigned gpu);

// 1 when the machine, and with it every limit set on it, ends with this process: no other process
// is attached and no state file keeps it. 0 when it goes on, -ENXIO when there is no machine.
int vgpu_ends_with_us(void);

// Checks a SPEC without attaching. 0 when good; else a negative number, and one sentence in message
// that names file and line where there is one. spec NULL means the default machine.
int vgpu_check_spec(const char *spec, char *message, size_t message_len);

#ifdef __cplusplus
}
#endif

#endif
