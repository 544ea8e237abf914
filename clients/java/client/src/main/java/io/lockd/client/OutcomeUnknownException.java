package io.lockd.client;

/** The request may have taken effect: keep working until the deadline, and repeat it. */
public class OutcomeUnknownException extends LockdException {
  private static final long serialVersionUID = 1;

  OutcomeUnknownException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
