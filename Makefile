# One set of build flags everywhere, so that the build cache is shared.
export CGO_ENABLED = 0

.PHONY: build test ci arm bench bin/gpu-check gpu-check benchmarks scale fuzz attack race golden demo kip coresets study fedd3 att

build: ## the program, stripped, in bin/
	go build -trimpath -ldflags "-s -w" -o bin/distillmesh ./cmd/distillmesh

test: ## every test; those that need more say so and skip
	go test ./...

ci: ## what continuous integration runs
	./.ci/run

# Packages that start processes of their own need a kernel that knows the platform.
EMULATED = $(shell go list ./... | grep -v -e /distillmesh/cmd/ -e '/distillmesh/test$$')
# These train networks. Emulated portable kernels take some 500 times as long as AVX.
TRAINING = $(addprefix %,/train /train/federated /distill/match /distill/trajectory /distill/auto /distill/registry /distill/study)
SHORT = ./train/kernel ./train/graph ./train/data/... ./distill/artifact ./p2p/announce ./configs
QEMU_ARM64 ?= $(or $(shell command -v qemu-aarch64),qemu-aarch64-static)
QEMU_ARM ?= $(or $(shell command -v qemu-arm),qemu-arm-static)
arm: ## tests on emulated arm64, and the short list on arm (v7); needs qemu-user; a quarter of an hour on two cores
	GOOS=linux GOARCH=arm64 go test -tags nogpu -short -timeout 30m -exec $(QEMU_ARM64) $(filter-out $(TRAINING),$(EMULATED))
	GOOS=linux GOARCH=arm64 go test -tags nogpu -short -timeout 30m -exec $(QEMU_ARM64) $(filter $(TRAINING),$(EMULATED))
	GOOS=linux GOARCH=arm GOARM=7 go test -tags nogpu -short -timeout 30m -exec $(QEMU_ARM) $(SHORT)

demo: ## ten edge nodes and a trainer on this computer, offline
	go run ./cmd/distillmesh demo

bench: ## our workloads beside PyTorch's (where installed) and the processor's limit
	go run ./test/bench

bin/gpu-check: ## all that a bare GPU host needs, in one file
	go build -trimpath -ldflags "-s -w" -o $@ ./test/bench

gpu-check: bin/gpu-check ## a GPU: results, speed beside PyTorch and JAX (where installed), lanes; one table and gpu-check.json
	bin/gpu-check -gpu $(or $(GPU),auto)

benchmarks: ## every kernel, the graph, training and announcements alone
	go test -run '^$$' -bench . ./train/... ./p2p/...

scale: ## a node that keeps, lists and fetches a thousand sets (minutes)
	go test -run '^$$' -bench 'Claims|SetsHeld|ATrainerFetches' -benchtime 1x ./node ./node/catalogue

study: ## dm and kip through a real mesh, beside their controls (minutes; needs DISTILLMESH_DATA)
	DISTILLMESH_STUDY=3 go test ./test -run StudyThroughTheMesh -v -timeout 60m

kip: ## kip on real data beside the published figures (minutes; needs DISTILLMESH_DATA)
	go run ./test/kip

coresets: ## the cheap methods on real data beside the published figures (half an hour; needs DISTILLMESH_DATA)
	go run ./test/coresets

att: ## ATT against MTT over the steps of a student, pooled MNIST (an hour or more; needs DISTILLMESH_DATA; goes on after Ctrl-C)
	go run ./test/att -o bin/att

SIMULATE = bin/distillmesh simulate --clients 10 --ipc 1 --model lenet,ntk:1,ntk:4 --seeds 10
CLIENTS500 = bin/distillmesh simulate --data $(DISTILLMESH_DATA)/mnist --clients 500 --seeds 1 --no-bound --model lenet
EVERY = random,herding,k-center,k-means,k-means:publish=nearest,gmm,label-solve,ridge,kip:official=true,kip,dm
fedd3: build ## the studies of docs/fedd3.md (hours; needs DISTILLMESH_DATA; goes on after Ctrl-C)
	for data in mnist fashion-mnist; do for ring in 2 10; do \
		$(SIMULATE) --data $(DISTILLMESH_DATA)/$$data --ring $$ring --method $(EVERY) -o bin/fedd3/$$data-$$ring || exit; done; done
	for ring in 2 10; do \
		$(CLIENTS500) --ring $$ring --method random,kip:official=true -o bin/fedd3/500-$$ring || exit; done
	$(CLIENTS500) --ring 10 --method fedavg:rounds=18:epochs=5 -o bin/fedd3/fedavg
	$(CLIENTS500) --ring 2 --method scaffold:rounds=18:epochs=5 -o bin/fedd3/scaffold

# Unless it is told otherwise, the tool spends up to a minute on shortening each input that reaches something new.
FUZZTIME ?= 60s
fuzz: ## each decoder of foreign bytes, and each kernel, for FUZZTIME (60s: three quarters of an hour)
	@for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg || exit 1; \
		done; \
	done

ATTACK ?= 10m
attack: ## 17 attackers with free keys against ten edges and three trainers, processes on loopback
	go run ./test/attack -for $(ATTACK)

golden: ## sets, models and documents beside those written down (minutes; MNIST's need DISTILLMESH_DATA)
	go run ./test/golden

# With Go 1.26 the detector itself can fail in a bubble of testing/synctest ("ThreadSanitizer: CHECK failed",
# golang/go#78156). A package that ends so is run again; one whose tests fail, or race, is not.
RACED = ./cmd/... ./configs/... ./distill/... ./node/... ./p2p/... ./train/...
race: ## with the race detector (needs a C compiler; hours); RACED='./p2p/... ./node/...' names fewer packages (half an hour)
	@out=$$(mktemp); trap 'rm -f "$$out"' EXIT; for pkg in $$(go list $(RACED)); do for try in 1 2 3; do \
		CGO_ENABLED=1 go test -race -timeout 1h $$pkg >"$$out" 2>&1 && { tail -n 1 "$$out"; break; }; \
		grep -q 'ThreadSanitizer: CHECK failed' "$$out" && [ $$try -lt 3 ] && continue; \
		cat "$$out"; exit 1; \
	done; done
