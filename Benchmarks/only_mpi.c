// A rank that does nothing but begin and end MPI, from the library that is named: without its headers, which are not
// needed to build distill-ddp either.
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
  void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
  int (*begin)(int *, char ***) = library ? (int (*)(int *, char ***))dlsym(library, "MPI_Init") : NULL;
  int (*end)(void) = library ? (int (*)(void))dlsym(library, "MPI_Finalize") : NULL;
  if (!begin || !end) {
    fprintf(stderr, "expected a library of MPI, found none: %s\n", dlerror());
    return 1;
  }
  return begin(NULL, NULL) || end();
}
