# impasto in a container, with the studio.
#
#   docker build -t impasto .                              for processors
#   docker build -t impasto --build-arg TORCH=cu130 .      for NVIDIA cards (docker run --gpus all)
#   docker run --rm -p 127.0.0.1:7860:7860 -v "$PWD:/pictures" impasto
#   docker run --rm -v "$PWD:/pictures" impasto photo.jpg night
#
# The studio has no password here: publish its port for this computer alone, as above, or for others with a password and
# the address that they open, which the studio cannot know from within (it answers 403 there without):
#
#   docker run --rm -p 7860:7860 -e IMPASTO_PASSWORD -e GRADIO_ROOT_PATH=http://192.168.1.5:7860 -v "$PWD:/pictures" impasto
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
ARG TORCH=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/${TORCH}
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY constraints.txt ./
# hadolint ignore=DL3013
RUN python3 -m venv /opt/impasto \
    && /opt/impasto/bin/pip install --constraint constraints.txt --index-url "${TORCH_INDEX}" torch
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY man man
COPY src src
RUN /opt/impasto/bin/pip install --constraint constraints.txt ".[studio,study,video]"

FROM ${BASE}
COPY --from=build /opt/impasto /opt/impasto
RUN useradd --create-home --uid 1000 impasto && install --directory --owner impasto /pictures
ENV PATH=/opt/impasto/bin:$PATH
USER 1000
WORKDIR /pictures
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:7860/', timeout=4)"]
ENTRYPOINT ["impasto"]
CMD ["studio", "--host", "0.0.0.0", "--insecure", "--no-open", "--workspace", "/pictures/studio"]
