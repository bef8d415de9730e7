#if MPI
  import CMPI
#endif
import Collectives
