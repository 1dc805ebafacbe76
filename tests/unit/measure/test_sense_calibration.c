/* SPDX-License-Identifier: Apache-2.0
 *
 * Published calibrations: which names have a row, and which look as if they had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "measure/sense/calibration.h"

static void measured_models(void **state)
{
    (void)state;
    assert_int_equal(calibration_error_ppm("NVIDIA A100-SXM4-40GB"), 60000);
    assert_int_equal(calibration_error_ppm("A100-PCIE-40GB"), 60000);
    assert_int_equal(calibration_error_ppm("NVIDIA A100 80GB PCIe"), 60000);
    assert_int_equal(calibration_error_ppm("Tesla P100-PCIE-16GB"), 50000);
    assert_int_equal(calibration_error_ppm("NVIDIA GeForce RTX 3090"), 60000);
    assert_int_equal(calibration_error_ppm("NVIDIA RTX A5000"), 70000);
    assert_int_equal(calibration_error_ppm("NVIDIA GeForce RTX 2060 SUPER"), 110000);
    assert_int_equal(calibration_error_ppm("NVIDIA GeForce RTX 4090"), 60000);
}

static void models_that_nobody_measured(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "Tesla V100-PCIE-16GB",
                                        "NVIDIA A40",
                                        "Quadro RTX 6000",
                                        "NVIDIA H100 80GB HBM3",
                                        "NVIDIA GeForce RTX 2060",
                                        "NVIDIA GeForce RTX 3090 Ti",
                                        "NVIDIA GeForce RTX 4090 D",
                                        "NVIDIA GeForce RTX 4090 Laptop GPU",
                                        "NVIDIA RTX A5000 Laptop GPU",
                                        "NVIDIA A100X"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (calibration_error_ppm(names[i]))
            fail_msg("%s has a calibration", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measured_models),
                                       cmocka_unit_test(models_that_nobody_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
