package kernel

import "github.com/klauspost/cpuid/v2"

// available lists the instruction sets of this processor, best first.
func available() []*instructionSet {
	var have []*instructionSet
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX2, cpuid.FMA3) {
		have = append(have, &avx512)
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		have = append(have, &avx2)
	}
	return append(have, &portable)
}

var avx512 = instructionSet{
	name: "avx512", height: 12, width: 32,
	tiles: []tileFunc{nil, tile1AVX512, tile2AVX512, tile3AVX512, tile4AVX512, tile5AVX512, tile6AVX512,
		tile7AVX512, tile8AVX512, tile9AVX512, tile10AVX512, tile11AVX512, tile12AVX512},
	tableTiles: []tableTileFunc{nil, tableTile1AVX512, tableTile2AVX512, tableTile3AVX512, tableTile4AVX512,
		tableTile5AVX512, tableTile6AVX512, tableTile7AVX512, tableTile8AVX512, tableTile9AVX512,
		tableTile10AVX512, tableTile11AVX512, tableTile12AVX512},
	lanes: 16, dotColumns: 5,
	vectors:   &vectorsAVX2,
	dotTiles:  []dotTileFunc{nil, dotTile1AVX512, dotTile2AVX512, dotTile3AVX512, dotTile4AVX512, dotTile5AVX512},
	transpose: transposeAVX512, winograd: &winogradAVX512, peak: peakAVX512,
}

var avx2 = instructionSet{
	name: "avx2", height: 6, width: 16,
	tiles: []tileFunc{nil, tile1AVX2, tile2AVX2, tile3AVX2, tile4AVX2, tile5AVX2, tile6AVX2},
	tableTiles: []tableTileFunc{nil, tableTile1AVX2, tableTile2AVX2, tableTile3AVX2, tableTile4AVX2,
		tableTile5AVX2, tableTile6AVX2},
	lanes: 8, dotColumns: 3,
	vectors:   &vectorsAVX2,
	dotTiles:  []dotTileFunc{nil, dotTile1AVX2, dotTile2AVX2, dotTile3AVX2},
	transpose: transposeAVX2, winograd: &winogradAVX2, peak: peakAVX2,
}

var vectorsAVX2 = vectorSet{
	add: addAVX2, mul: mulAVX2, gate: gateAVX2, addScalar: addScalarAVX2, mulScalar: mulScalarAVX2,
	relu: reluAVX2, sum: sumAVX2, adam: adamAVX2,
	poolMax: poolMaxAVX2, poolMaxMasked: poolMaxMaskedAVX2,
	poolScatter: poolScatterAVX2, poolScatterMasked: poolScatterMaskedAVX2,
}

var winogradAVX512 = winogradSet{
	tilePoints: tilePointsAVX512, filterPoints: filterPointsAVX512, pointResults: pointResultsAVX512,
	resultPoints: resultPointsAVX512, pointFilter: pointFilterAVX512,
}

var winogradAVX2 = winogradSet{
	tilePoints: tilePointsAVX2, filterPoints: filterPointsAVX2, pointResults: pointResultsAVX2,
	resultPoints: resultPointsAVX2, pointFilter: pointFilterAVX2,
}
