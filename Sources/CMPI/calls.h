// The calls under one binary interface, whose file defines before it includes this:
//
//   handle                       the type of handles
//   status                       a struct with the member `source`
//   constants                    world, byte, floats, plus, no_info and errors_return: handles
//   bind_constants(library)      finds those; returns NULL, or the name of what the library lacks
//   any_source, shared_memory, serialized, ignored_status
#include <dlfcn.h>
#include <stddef.h>

static struct {
  int (*Abort)(handle, int);
  int (*Comm_free)(handle *);
  int (*Comm_rank)(handle, int *);
  int (*Comm_set_errhandler)(handle, handle);
  int (*Comm_size)(handle, int *);
  int (*Comm_split_type)(handle, int, int, handle, handle *);
  int (*Error_string)(int, char *, int *);
  int (*Finalize)(void);
  int (*Get_library_version)(char *, int *);
  int (*Iallreduce)(const void *, void *, int, handle, handle, handle, handle *);
  int (*Init_thread)(int *, char ***, int, int *);
  int (*Iprobe)(int, int, handle, int *, status *);
  int (*Irecv)(void *, int, handle, int, int, handle, handle *);
  int (*Isend)(const void *, int, handle, int, int, handle, handle *);
  int (*Recv)(void *, int, handle, int, int, handle, status *);
  int (*Request_free)(handle *);
  int (*Request_get_status)(handle, int *, status *);
  int (*Testall)(int, handle *, int *, status *);
} mpi;

static const char *bind_calls(void *library) {
#define FIND(name) \
  if (!(*(void **)&mpi.name = dlsym(library, "MPI_" #name))) return "MPI_" #name
  FIND(Abort);
  FIND(Comm_free);
  FIND(Comm_rank);
  FIND(Comm_set_errhandler);
  FIND(Comm_size);
  FIND(Comm_split_type);
  FIND(Error_string);
  FIND(Finalize);
  FIND(Get_library_version);
  FIND(Iallreduce);
  FIND(Init_thread);
  FIND(Iprobe);
  FIND(Irecv);
  FIND(Isend);
  FIND(Recv);
  FIND(Request_free);
  FIND(Request_get_status);
  FIND(Testall);
#undef FIND
  return bind_constants(library);
}

static int version(char *text, int *length) { return mpi.Get_library_version(text, length); }

static int explain(int code, char *text, int *length) { return mpi.Error_string(code, text, length); }

static int init(bool *isSerialized, int *level) {
  const int code = mpi.Init_thread(NULL, NULL, serialized, level);
  *isSerialized = *level >= serialized;
  return code;
}

static int finalize(void) { return mpi.Finalize(); }

static int abort_job(int status) { return mpi.Abort(constants.world, status); }

static int return_errors(void) { return mpi.Comm_set_errhandler(constants.world, constants.errors_return); }

static cmpi_comm world(void) { return (cmpi_comm)constants.world; }

static int rank(cmpi_comm comm, int *rank) { return mpi.Comm_rank((handle)comm, rank); }

static int size(cmpi_comm comm, int *size) { return mpi.Comm_size((handle)comm, size); }

static int split_by_host(cmpi_comm *comm) {
  handle found = constants.world;
  const int code = mpi.Comm_split_type(constants.world, shared_memory, 0, constants.no_info, &found);
  *comm = (cmpi_comm)found;
  return code;
}

static int free_comm(cmpi_comm *comm) {
  handle freed = (handle)*comm;
  const int code = mpi.Comm_free(&freed);
  *comm = (cmpi_comm)freed;
  return code;
}

static int receive(void *slots, int index, void *bytes, int count, int from, int tag) {
  return mpi.Irecv(bytes, count, constants.byte, from, tag, constants.world, (handle *)slots + index);
}

static int send(void *slots, int index, const void *bytes, int count, int to, int tag) {
  return mpi.Isend(bytes, count, constants.byte, to, tag, constants.world, (handle *)slots + index);
}

static int sum_floats(void *slots, int index, const float *own, float *total, int count) {
  return mpi.Iallreduce(
      own, total, count, constants.floats, constants.plus, constants.world, (handle *)slots + index);
}

static int test_all(void *slots, int count, int *areDone) {
  return mpi.Testall(count, slots, areDone, ignored_status);
}

static int is_done(const void *slots, int index, int *isDone) {
  return mpi.Request_get_status(((const handle *)slots)[index], isDone, ignored_status);
}

static int send_sign(int to, int tag) {
  handle request;
  const int code = mpi.Isend(NULL, 0, constants.byte, to, tag, constants.world, &request);
  return code != 0 ? code : mpi.Request_free(&request);
}

static int take_sign(int tag, int *isThere, int *from) {
  status found;
  const int code = mpi.Iprobe(any_source, tag, constants.world, isThere, &found);
  if (code != 0 || !*isThere) return code;
  *from = found.source;
  return mpi.Recv(NULL, 0, constants.byte, found.source, tag, constants.world, ignored_status);
}

#define CALLS \
  { \
    .bind = bind_calls, .version = version, .explain = explain, .init = init, .finalize = finalize, \
    .abort = abort_job, .return_errors = return_errors, .world = world, .rank = rank, .size = size, \
    .split_by_host = split_by_host, .free = free_comm, .receive = receive, .send = send, .sum = sum_floats, \
    .test_all = test_all, .is_done = is_done, .send_sign = send_sign, .take_sign = take_sign, \
  }
