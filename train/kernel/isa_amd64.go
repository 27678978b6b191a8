package kernel

import "github.com/klauspost/cpuid/v2"

// available lists the instruction sets of this processor, best first.
func available() []*instructionSet {
	var have []*instructionSet
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX2, cpuid.FMA3, cpuid.BMI2) {
		have = append(have, &avx512)
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.BMI2) {
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
	vectors:   &vectorsAVX512,
	dotTiles:  []dotTileFunc{nil, dotTile1AVX512, dotTile2AVX512, dotTile3AVX512, dotTile4AVX512, dotTile5AVX512},
	transpose: transposeAVX512, packRow: packRowAVX512, copyAhead: copyAheadAVX512, winograd: &winogradAVX512,
	peak: peakAVX512,
}

var avx2 = instructionSet{
	name: "avx2", height: 6, width: 16,
	tiles: []tileFunc{nil, tile1AVX2, tile2AVX2, tile3AVX2, tile4AVX2, tile5AVX2, tile6AVX2},
	tableTiles: []tableTileFunc{nil, tableTile1AVX2, tableTile2AVX2, tableTile3AVX2, tableTile4AVX2,
		tableTile5AVX2, tableTile6AVX2},
	lanes: 8, dotColumns: 3,
	vectors:   &vectorsAVX2,
	dotTiles:  []dotTileFunc{nil, dotTile1AVX2, dotTile2AVX2, dotTile3AVX2},
	transpose: transposeAVX2, packRow: packRowAVX2, copyAhead: copyAheadAVX2, winograd: &winogradAVX2, peak: peakAVX2,
}

var vectorsAVX512 = vectorSet{
	add: addAVX512, sub: subAVX512, mul: mulAVX512, div: divAVX512, gate: gateAVX512,
	addValue: addValueAVX512, subValue: subValueAVX512, mulValue: mulValueAVX512, divValue: divValueAVX512,
	subFrom: subFromAVX512,
	divFrom: divFromAVX512, mulAdd: mulAddAVX512, mulValueAdd: mulValueAddAVX512,
	mulValueAddValue: mulValueAddValueAVX512, scale: scaleAVX512,
	offset: offsetAVX512, relu: reluAVX512, step: stepAVX512, root: rootAVX512, inverseRoot: inverseRootAVX512,
	exp: expAVX512, log: logAVX512, rowSum: rowSumAVX512, rowDot: rowDotAVX512,
	adam:        adamAVX512,
	cosine2sine: cosine2sineAVX512, supplement: supplementAVX512, affine: affineAVX512, clamp: clampAVX512,
	scaleAdd: scaleAddAVX512, momentum: momentumAVX512, dot: dotAVX512,
	poolMax: poolMaxAVX2, poolMaxMasked: poolMaxMaskedAVX2,
	overlapMax: overlapMaxAVX2, overlapScatter: overlapScatterAVX2,
	poolMean: poolMeanAVX2, poolMeanMasked: poolMeanMaskedAVX2,
	poolSpread: poolSpreadAVX2, poolSpreadMasked: poolSpreadMaskedAVX2,
	poolScatter: poolScatterAVX2, poolScatterMasked: poolScatterMaskedAVX2,
}

var vectorsAVX2 = vectorSet{
	add: addAVX2, sub: subAVX2, mul: mulAVX2, div: divAVX2, gate: gateAVX2,
	addValue: addValueAVX2, subValue: subValueAVX2, mulValue: mulValueAVX2, divValue: divValueAVX2, subFrom: subFromAVX2,
	divFrom: divFromAVX2, mulAdd: mulAddAVX2, mulValueAdd: mulValueAddAVX2, mulValueAddValue: mulValueAddValueAVX2,
	scale:  scaleAVX2,
	offset: offsetAVX2, relu: reluAVX2, step: stepAVX2, root: rootAVX2, inverseRoot: inverseRootAVX2,
	exp: expAVX2, log: logAVX2, rowSum: rowSumAVX2, rowDot: rowDotAVX2,
	adam:        adamAVX2,
	cosine2sine: cosine2sineAVX2, supplement: supplementAVX2, affine: affineAVX2, clamp: clampAVX2,
	scaleAdd: scaleAddAVX2, momentum: momentumAVX2, dot: dotAVX2,
	poolMax: poolMaxAVX2, poolMaxMasked: poolMaxMaskedAVX2,
	overlapMax: overlapMaxAVX2, overlapScatter: overlapScatterAVX2,
	poolMean: poolMeanAVX2, poolMeanMasked: poolMeanMaskedAVX2,
	poolSpread: poolSpreadAVX2, poolSpreadMasked: poolSpreadMaskedAVX2,
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
