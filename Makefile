# make help prints the targets: what stands behind "##".

GO ?= go
# Tests write and remove some hundred thousand small files. ext4 without a journal takes longer
# for that than they take for all else: it passes over every inode that was freed lately
# (recently_deleted in fs/ext4/ialloc.c). They lie in memory where 8 GB of it are free.
MEMORY := $(shell test -z "$$TMPDIR" -a -w /dev/shm && ! grep -q ' /dev/shm .*noexec' /proc/mounts && \
	test "$$(df -Pk /dev/shm | awk 'END { print $$4 }')" -gt 8000000 && echo TMPDIR=/dev/shm)
# Ten minutes, the default, are not enough for a slow machine.
TEST := $(MEMORY) $(GO) test -timeout=30m
RACE := $(shell command -v cc gcc clang >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)
# Long tests of a single goroutine, in files that are tagged "!race" (TestAllRunWithoutDetector).
ALONE := TestArchive|TestChangedSnapshots|TestEveryLookIsRemembered|TestForecastAgreesWithTheAudit|TestForecastOfClustersAgreesWithTheAudit|TestForesightLeavesNothingOut|TestManyAuthorities|TestManySecrets|TestParseResultIsBounded|TestSnapshot
COUNT ?= 6

# What releases are compiled with is compiled once for them, for tests and for what looks at
# the code, and is the same in every folder. The race detector needs a compilation of its own.
PLAIN := CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'
# The builder of releases is a module of its own.
DIST := cd deploy/dist && $(PLAIN)

.PHONY: build help quick test proof lint dist demo bench docs golden

build: ## build the program: bin/certaudit
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/certaudit ./cmd/certaudit

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

quick: ## run the tests but the slow ones, in two minutes
	$(TEST) -short ./...

# Nothing is taken from the cache, and so go keeps no list of the files that the tests
# looked at: it would be a gigabyte, and be read again before the result is printed.
# The race detector, which takes five times as long, looks where goroutines are started
# (TestGoroutinesAreWatched), and at all that these call. What it leaves out takes one
# processor, and the builder of releases hardly more.
test: ## run all tests, with the race detector where a C compiler is at hand
	$(TEST) -count=1 $(RACE) ./audit/... ./cmd/...
	rest=$$($(GO) list ./... | grep -Ev '^certaudit/(audit|cmd)(/|$$)') && $(PLAIN) $(TEST) -count=1 $$rest
	($(DIST) $(TEST) -count=1 ./...) & dist=$$!; \
	$(if $(RACE),$(PLAIN) $(TEST) -count=1 -run='^($(ALONE))$$' ./audit,true); alone=$$?; \
	wait $$dist && exit $$alone

proof: ## run every plan on a node of its own; print the figures and write them into docs/plan.md
	$(TEST) ./proof -v -run=TestProof -update | grep -v '^ *\(=== \|--- PASS\)'

lint: ## run gofmt, go vet and staticcheck
	test -z "$$(gofmt -l .)"
	$(PLAIN) $(GO) vet ./...
	$(PLAIN) $(GO) build -o bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	$(PLAIN) bin/staticcheck ./...
	$(DIST) $(GO) vet ./...
	$(DIST) ../../bin/staticcheck ./...

dist: ## build a release into bin/dist: archives, deb, rpm, image; VERSION=, URL= of the files, MAINTAINER=
	$(DIST) $(GO) run . $(if $(VERSION),-version='$(VERSION)') $(if $(REVISION),-revision='$(REVISION)') $(if $(SOURCE_DATE_EPOCH),-date='$(SOURCE_DATE_EPOCH)') $(if $(URL),-url='$(URL)') $(if $(MAINTAINER),-maintainer='$(MAINTAINER)')

demo: build ## audit a small faulty cluster
	bin/certaudit demo

bench: ## print timings beside their floor; COUNT is how often each is taken
	$(TEST) -run='^$$' -bench=. -benchmem -count=$(COUNT) ./audit ./report ./cmd ./parsers/logs

docs: ## write the pages under docs/ and the files under deploy/ that are made from others
	$(TEST) ./audit ./cmd ./deploy -run='Page$$|^TestMade' -update

golden: ## write these and all golden files: read the diff before you commit it
	$(TEST) $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n 1 dirname | sort -u) -update
