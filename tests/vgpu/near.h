// SPDX-License-Identifier: Apache-2.0
// cmocka compares floats; energies need doubles, and a message that shows both.
#ifndef VGPU_TESTS_NEAR_H
#define VGPU_TESTS_NEAR_H

#include <math.h>

#define assert_near(value, expected, margin)                                                       \
    do {                                                                                           \
        double value_ = (value), expected_ = (expected), margin_ = (margin);                       \
        if (!(fabs(value_ - expected_) <= margin_))                                                \
            fail_msg("%s is %.9g, not %.9g within %.3g", #value, value_, expected_, margin_);      \
    } while (0)

#endif
