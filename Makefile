# One set of build flags everywhere, so that the build cache is shared.
export CGO_ENABLED = 0

.PHONY: build test ci bench benchmarks fuzz race demo kip coresets study

build: ## the program, stripped, in bin/
	go build -trimpath -ldflags "-s -w" -o bin/distillmesh ./cmd/distillmesh

test: ## every test; those that need more say so and skip
	go test ./...

ci: ## what continuous integration runs
	./.ci/run

demo: ## the whole story, offline
	go run ./cmd/distillmesh demo

bench: ## our workloads beside PyTorch's (where installed) and the processor's limit
	go run ./test/bench

benchmarks: ## every kernel, the graph, training and announcements alone
	go test -run '^$$' -bench . ./train/... ./p2p/...

study: ## dm and kip through a real mesh, beside their controls (minutes; needs DISTILLMESH_DATA)
	DISTILLMESH_STUDY=3 go test ./test -run StudyThroughTheMesh -v -timeout 60m

kip: ## kip on real data beside the published figures (minutes; needs DISTILLMESH_DATA)
	go run ./test/kip

coresets: ## the cheap methods on real data beside the published figures (half an hour; needs DISTILLMESH_DATA)
	go run ./test/coresets

FUZZTIME ?= 20s
fuzz: ## each decoder of foreign bytes for a while
	@for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

race: ## with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./p2p/... ./node/... ./train/...
