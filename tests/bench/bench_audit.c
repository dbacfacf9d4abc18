#include "bench.h"
void bench_audit(void)
{
}
