/** A worker that offers the package's sessions, started by the user. */
import "trainlet/worker";
