#include "postgres.h"
#include <sys/epoll.h>
#include "capture/capture.h"
#include "deliver/deliver.h"
#include "publish/publish.h"
/* stand-ins while the parts are being written: weak, so that the real ones win */
#pragma GCC diagnostic ignored "-Wunused-parameter"
__attribute__((weak)) void oe_capture_init(void) {}
__attribute__((weak)) bool oe_publish_cycle(int n, OePublishResult *r) { return true; }
__attribute__((weak)) void oe_publish_maintain(int64 l) {}
__attribute__((weak)) void oe_deliver_init(void) {}
__attribute__((weak)) int oe_deliver_fd(void) { return epoll_create1(0); }
__attribute__((weak)) long oe_deliver_timeout(void) { return 60000; }
__attribute__((weak)) void oe_deliver_step(bool r, bool a, int64 p) {}
__attribute__((weak)) void oe_deliver_pump(void) {}
__attribute__((weak)) int64 oe_deliver_low_water(void) { return PG_INT64_MAX; }
__attribute__((weak)) void oe_deliver_maintain(void) {}
__attribute__((weak)) void oe_deliver_shutdown(void) {}
