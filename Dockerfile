FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/runtime.txt requirements/
RUN python3 -m venv /opt/nps \
 && /opt/nps/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml LICENSE ./
COPY bot bot
COPY runbooks runbooks
RUN /opt/nps/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
 && /opt/nps/bin/pip uninstall --yes setuptools pip

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --user-group --uid 990 --home-dir /data --no-create-home --shell /usr/sbin/nologin nps \
 && install --directory --owner nps --group nps --mode 0700 /data
COPY --from=build /opt/nps /opt/nps
ENV PATH=/opt/nps/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NPS_CONFIG=/data/nps.toml
USER nps
WORKDIR /data
VOLUME /data
ENTRYPOINT ["nps"]
CMD ["serve"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["nps", "health"]
