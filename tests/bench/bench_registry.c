#include "bench.h"
void bench_registry(void)
{
}
