package io.lockd.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;

/** Sends with an HTTP client of the program, which decides how it connects and which proxy it uses. */
final class HttpClientTransport implements Transport {
  private final HttpClient http;

  HttpClientTransport(HttpClient http) {
    this.http = http;
  }

  @Override
  public Reply send(Request r, InFlight inFlight) throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(r.to() + r.path()));
    r.headers().forEach(request::header);
    request.method(r.method(), r.body() == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(r.body()));
    inFlight.sending();
    try {
      HttpResponse<InputStream> answer = http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      inFlight.opened(answer.body());
      return new Reply(answer.statusCode(), header(answer, "Retry-After"), header(answer, "Lockd-Node"), header(answer, "Lockd-Leader"), answer.body());
    } catch (ConnectException | HttpConnectTimeoutException e) {
      throw new NotSentException(e.toString(), e);
    } catch (IOException e) {
      throw e.getCause() instanceof UnresolvedAddressException ? new NotSentException(r.to().host() + " has no IP address", e) : e;
    }
  }

  private static String header(HttpResponse<?> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }
}
