package io.lockd.client;

/** The lease was given back or handed over by its holder. */
public class ReleasedException extends LockdException {
  private static final long serialVersionUID = 1;

  ReleasedException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
