package io.lockd.client;

/** The holder released or transferred the lease. */
public class ReleasedException extends LockdException {
  private static final long serialVersionUID = 1;

  ReleasedException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
