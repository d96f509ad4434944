# secagg with its pinned scanners; by default it serves the report of the store that SECAGG_STORE names.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /build
COPY requirements/serve.txt requirements/
RUN python -m venv /opt/secagg \
    && /opt/secagg/bin/pip install --no-cache-dir --quiet --require-hashes --no-deps --only-binary :all: \
        -r requirements/serve.txt
COPY . .
RUN /opt/secagg/bin/pip install --no-cache-dir --quiet --no-deps --no-build-isolation --no-index . \
    && SECAGG_TOOLS=/opt/secagg/tools /opt/secagg/bin/secagg tools install trivy gitleaks

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# git reads histories; its version is that of the distribution of the image, which the digest pins.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin secagg \
    && mkdir /work \
    && chown secagg: /work
COPY --from=build /opt/secagg /opt/secagg
ENV PATH=/opt/secagg/bin:$PATH \
    SECAGG_TOOLS=/opt/secagg/tools
USER 10001
WORKDIR /work
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["secagg"]
# On all addresses of the container; of the names under which browsers ask, only this machine's.
CMD ["serve", "--host", "0.0.0.0", "--port", "8080", "--allow-host", "localhost", "--allow-host", "127.0.0.1", "--all-repos"]
