/* SPDX-License-Identifier: Apache-2.0
 *
 * The training's GPU, when there is a virtual one: each step is submitted as work whose length and
 * power follow the batch size as they do on a real card.
 */
#ifndef EXAMPLE_GPU_H
#define EXAMPLE_GPU_H

struct gpu {
    int (*work)(unsigned gpu, double full_clock_s, double full_clock_w, double clock_share,
                double host_share);
    unsigned index; /* the machine's */
    double default_limit_w;
};

/* Finds the first virtual GPU that CUDA_VISIBLE_DEVICES leaves.  Returns NULL, or why there is
 * none, in words. */
const char *gpu_find(struct gpu *gpu);

/* One training step of `batch` samples; returns when it is done. */
void gpu_step(const struct gpu *gpu, unsigned batch);

#endif
