package policy

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxChain is the number of packages in the longest chain of imports.
const maxChain = 10

// arrows says which top-level folders each may import; tests obey the same arrows.
var arrows = map[string][]string{
	"train":   {"train"},
	"distill": {"distill", "train"},
	"p2p":     {"p2p"},
	"configs": {"configs"},
	"node":    {"node", "p2p", "distill", "train", "configs"},
	"cmd":     {"cmd", "node", "p2p", "distill", "train", "configs"},
	"test":    {"test", "cmd", "node", "p2p", "distill", "train", "configs"},
}

// order lists the packages of each top-level folder, those that import nothing of
// the folder first, in lines: a package and its tests import only what stands before
// it, and tests what supports tests.
var order = map[string][]string{
	"train": strings.Fields(`
		train/atomicfile train/checkpoint train/data/files train/data/files/exif train/gpu/driver train/gpu/fused
			train/gpu/kernels train/gpu/library train/graph train/kernel train/kernel/gen train/parallel
			train/device train/recipe
		train/data train/data/files/filestest train/data/files/mat train/data/files/parquet
			train/data/files/pickle train/data/files/picture train/data/files/table train/data/files/torch train/gpu/cuda
			train/gpu/kernels/gen train/gpu/opencl train/gpu/ptxtest train/gpu/cudatest train/gpu
			train/graph/lower train/graph/cpu train/graph/gpu
			train/graph/enginetest train/graph/tape train/plan
		train/cluster train/data/files/array train/engine train/linear train/spectrum train/zca
		train/view
		train/augment train/data/open train/nn
		train/ntk train/unroll
		train
		train/federated train/model
	`),
	"distill": strings.Fields(`
		distill distill/frequency distill/likeness distill/text distill/unixfs
		distill/coreset distill/distilltest distill/figure distill/kip distill/ridge distill/tiling
		distill/labelsolve distill/match distill/rded distill/trajectory
		distill/registry
		distill/artifact
		distill/auto distill/exchange
		distill/trial
		distill/judge distill/rank distill/study
		distill/study/report
		distill/rank/report
	`),
	"p2p": strings.Fields(`
		p2p/blocks p2p/ledger p2p/members p2p/rounds p2p/streamtest p2p/wire
		p2p/announce
		p2p/catchup p2p/gossip p2p/peers
		p2p
	`),
	"node": strings.Fields(`
		node/api node/fetching
		node/scores node/trainer
		node/home node/state node/work
		node/holdings node/operations
		node/catalogue node/doctor node/localdata node/nodetest node/selection
		node/gather
		node/jobs
		node/ranking
		node
		node/demo
	`),
}

// users are the packages that may import kernels and engines, besides tests and
// the programs under test; docs/ARCHITECTURE.md says why.
var users = map[string][]string{
	"train/kernel": {"train/graph/cpu", "train/cluster", "train/federated", "train/linear", "train/ntk", "train/zca",
		"distill/coreset", "distill/kip", "distill/labelsolve", "distill/likeness", "distill/ridge", "distill/trajectory",
		"distill/trial"},
	"train/graph/cpu":  {"train/engine"},
	"train/graph/gpu":  {"train/engine"},
	"train/graph/tape": {"train/engine"},
	"train/gpu":        {"train/engine", "node", "node/doctor", "cmd/distillmesh"},
}

// supports reports whether a package exists for the tests of others, or is a program
// that measures or generates.
func supports(dir string) bool {
	name := path.Base(dir)
	return strings.HasPrefix(dir, "test/") || strings.HasSuffix(name, "test") || name == "gen"
}

// folderImports are imports against the arrows.
func folderImports(tr *tree) (out []string) {
	for _, s := range tr.sources {
		for _, to := range s.ours() {
			if folder := strings.Split(to, "/")[0]; !slices.Contains(arrows[s.folder()], folder) {
				out = append(out, fmt.Sprintf("%s imports %s: %s may import %v of ours", s.path, to, s.folder(),
					arrows[s.folder()]))
			}
		}
	}
	return out
}

// place is a package's place in the order of its folder, or -1.
func place(pkg string) int {
	return slices.Index(order[strings.Split(pkg, "/")[0]], pkg)
}

// orderedImports are imports, those of tests too, of what stands above.
func orderedImports(tr *tree) (out []string) {
	for _, s := range tr.sources {
		from := path.Dir(s.path)
		for _, to := range s.ours() {
			same := strings.Split(to, "/")[0] == s.folder() && order[s.folder()] != nil
			helps := s.test() && (to == from || supports(to))
			if same && !helps && place(to) >= place(from) {
				out = append(out, fmt.Sprintf("%s imports %s, which stands above it", s.path, to))
			}
		}
	}
	return out
}

// placed are packages without a place in the order of their folder.
func placed(tr *tree) (out []string) {
	for _, p := range tr.packages() {
		if folder := strings.Split(p, "/")[0]; order[folder] != nil && place(p) < 0 {
			out = append(out, fmt.Sprintf("%s has no place in the order of %s", p, folder))
		}
	}
	return out
}

// kernelImports are imports of kernels and engines by packages that should not know
// them.
func kernelImports(tr *tree) (out []string) {
	for _, s := range tr.sources {
		from := path.Dir(s.path)
		for _, to := range s.ours() {
			if users[to] != nil && !s.test() && s.folder() != "test" && !slices.Contains(users[to], from) {
				out = append(out, fmt.Sprintf("%s imports %s: only %v may", s.path, to, users[to]))
			}
		}
	}
	return out
}

// imports are the packages of ours that each package imports, tests aside.
func (tr *tree) imports() map[string][]string {
	out := map[string][]string{}
	for _, s := range tr.sources {
		if s.test() {
			continue
		}
		from := path.Dir(s.path)
		out[from] = slices.Compact(slices.Sorted(slices.Values(append(out[from], s.ours()...))))
	}
	return out
}

// staleLists are entries of the lists above for what is no longer there.
func staleLists(tr *tree) (out []string) {
	packages, imports := tr.packages(), tr.imports()
	for folder, all := range order {
		for _, p := range all {
			if !slices.Contains(packages, p) {
				out = append(out, fmt.Sprintf("the order of %s names %s, which is not there", folder, p))
			}
		}
	}
	for to, all := range users {
		for _, from := range all {
			if !slices.Contains(imports[from], to) {
				out = append(out, fmt.Sprintf("%s may import %s and does not", from, to))
			}
		}
	}
	for _, name := range generated {
		if _, err := fs.Stat(tr.files, name); err != nil {
			out = append(out, fmt.Sprintf("the list of generated files: %v", err))
		}
	}
	return out
}

// longChains are the chains of imports of programs with too many packages.
func longChains(tr *tree) (out []string) {
	graph, longest := tr.imports(), map[string][]string{}
	var chain func(p string) []string
	chain = func(p string) []string {
		if known, ok := longest[p]; ok {
			return known
		}
		var best []string
		for _, to := range graph[p] {
			if c := chain(to); len(c) > len(best) {
				best = c
			}
		}
		longest[p] = append([]string{p}, best...)
		return longest[p]
	}
	for p := range graph {
		if c := chain(p); strings.HasPrefix(p, "cmd/") && len(c) > maxChain {
			out = append(out, fmt.Sprintf("%d packages, at most %d: %s", len(c), maxChain, strings.Join(c, " > ")))
		}
	}
	return out
}
