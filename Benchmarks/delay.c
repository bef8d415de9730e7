// Joins hosts, which are network namespaces, by links with a delay, which not every kernel's tc has. Each host gets a
// device of its own, eth0; what it sends is handed to the host it is for so many microseconds later.
//
//   delay MICROSECONDS ADDRESS…      says "ready" when the devices are there, and ends with its standard input
//
// The namespaces have the addresses as names; the last address is this namespace's own, and its device ddp-delay. The
// last byte of an address tells hosts apart.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { largest = 65536, most_packets = 1 << 14, most_hosts = 32, destination = 16 };

static struct packet {
  long due;
  int to;
  int size;
  char *bytes;
} packets[most_packets];
static long first, end;

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int fail(const char *what) {
  perror(what);
  exit(1);
}

// The device is made in the host's namespace, and stays open here.
static int open_device(const char *address, int is_own) {
  int own = open("/proc/self/ns/net", O_RDONLY);
  if (!is_own) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", address);
    int host = open(path, O_RDONLY);
    if (host < 0 || setns(host, CLONE_NEWNET) != 0) fail(path);
    close(host);
  }
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, is_own ? "ddp-delay" : "eth0");
  if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  if (setns(own, CLONE_NEWNET) != 0) fail("setns");
  close(own);
  return device;
}

int main(int count, char **arguments) {
  if (count < 4 || count - 2 > most_hosts) return fprintf(stderr, "delay MICROSECONDS ADDRESS…\n"), 2;
  const long delay = atol(arguments[1]) * 1000;
  const int hosts = count - 2;
  struct pollfd files[most_hosts + 1];
  int host_of[256];
  memset(host_of, -1, sizeof host_of);
  for (int host = 0; host < hosts; host++) {
    const char *address = arguments[host + 2];
    files[host] = (struct pollfd){open_device(address, host == hosts - 1), POLLIN, 0};
    host_of[ntohl(inet_addr(address)) & 255] = host;
  }
  files[hosts] = (struct pollfd){0, POLLIN, 0};
  for (int packet = 0; packet < most_packets; packet++) packets[packet].bytes = malloc(largest);
  prctl(PR_SET_TIMERSLACK, 1);
  puts("ready");
  fflush(stdout);
  while (1) {
    struct timespec left = {3600, 0};
    if (first < end) {
      const long wait = packets[first % most_packets].due - now();
      left = (struct timespec){wait > 0 ? wait / 1000000000L : 0, wait > 0 ? wait % 1000000000L : 0};
    }
    // Where there is no room, what comes waits in its device.
    const int room = end - first < most_packets - hosts;
    if (ppoll(room ? files : files + hosts, room ? hosts + 1 : 1, &left, NULL) < 0) fail("ppoll");
    if (files[hosts].revents) return 0;
    for (int host = 0; room && host < hosts; host++) {
      if (!(files[host].revents & POLLIN)) continue;
      struct packet *packet = &packets[end % most_packets];
      const ssize_t size = read(files[host].fd, packet->bytes, largest);
      if (size <= destination + 3 || packet->bytes[0] >> 4 != 4) continue;
      packet->to = host_of[(unsigned char)packet->bytes[destination + 3]];
      packet->size = (int)size;
      packet->due = now() + delay;
      end += packet->to >= 0;
    }
    for (; first < end && packets[first % most_packets].due <= now(); first++) {
      const struct packet *packet = &packets[first % most_packets];
      // What does not fit is lost, as on any network.
      if (write(files[packet->to].fd, packet->bytes, (size_t)packet->size) < 0) continue;
    }
  }
}
