package io.lockd.client;

/** The hold has certainly ended, or its local deadline has passed: stop the work. */
public class LeaseLostException extends LockdException {
  private static final long serialVersionUID = 1;

  LeaseLostException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
