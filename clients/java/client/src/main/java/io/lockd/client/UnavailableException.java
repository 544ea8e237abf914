package io.lockd.client;

/** No node accepted the request: nothing was applied, and nothing is lost by it. */
public class UnavailableException extends LockdException {
  private static final long serialVersionUID = 1;

  UnavailableException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
