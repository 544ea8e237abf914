# lockd in an image of its own: the binary, the roots of TLS, a user, and /data.
# docker build --build-arg VERSION="$(git describe --tags --always)" -t lockd .

FROM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0

# The modules are a layer of their own, so that a change of the source fetches nothing.
COPY go.mod go.sum ./
COPY clients/go/go.mod clients/go/
RUN go mod download

COPY . .
ARG VERSION=dev
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/lockd ./cmd/lockd

# Scratch has neither a shell nor users, so what it needs is laid out here.
RUN mkdir -p -m 0700 /out/data \
 && echo 'lockd:x:65532:65532::/data:/sbin/nologin' > /out/passwd \
 && echo 'lockd:x:65532:' > /out/group

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="lockd" \
      org.opencontainers.image.description="Locks and leader election over HTTP: leases with fencing tokens and a fair queue" \
      org.opencontainers.image.source="https://github.com/lockd/lockd" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /out/lockd /lockd
# A new named volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/data /data

# In a container the ports are reached from outside of it; what is published is for the host to say.
ENV LOCKD_DATA_DIR=/data \
    LOCKD_HTTP_ADDR=0.0.0.0:7400 \
    LOCKD_PEER_ADDR=0.0.0.0:7401
VOLUME /data
EXPOSE 7400 7401
USER 65532:65532
STOPSIGNAL SIGTERM
# Healthy is ready: the node knows a leader and has caught up.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["/lockd", "health"]
ENTRYPOINT ["/lockd"]
CMD ["server"]
