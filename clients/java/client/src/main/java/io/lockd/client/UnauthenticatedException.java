package io.lockd.client;

/** The token or the client certificate is missing, wrong, expired or revoked (401). No hold is lost because of it. */
public class UnauthenticatedException extends RefusedException {
  private static final long serialVersionUID = 1;

  UnauthenticatedException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
