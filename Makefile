# make build   the program, to bin/certaudit
# make test    all tests, with the race detector where a C compiler is at hand
# make demo    audit a small faulty cluster
# make bench   timings beside their floor
# make lint    gofmt, go vet, staticcheck

GO ?= go
RACE := $(shell command -v cc gcc clang >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)
COUNT ?= 6

.PHONY: build test demo bench lint docs

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/certaudit ./cmd/certaudit

test:
	$(GO) test $(RACE) ./...

demo: build
	bin/certaudit demo

bench:
	$(GO) test -run='^$$' -bench=. -benchmem -count=$(COUNT) ./audit ./cmd

lint:
	test -z "$$(gofmt -l .)"
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# The pages of docs/ that are made from the code, and the golden files.
docs:
	$(GO) test ./cmd ./audit ./report ./deploy -update
