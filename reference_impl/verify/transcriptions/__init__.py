"""The papers' formulas in float64 NumPy, written without looking at `reference_impl.methods`.

Plain loops over samples wherever that reads like the formula; speed does not matter here. Each
function takes arrays and returns a float. They exist to be compared with, never to be trained.

    numbers.py            unit vectors, log-sum-exp
    contrastive.py        SimCLR, SupCon
    queue.py              MoCo v1/v2, MoCo v3
    pairs.py              CLIP, SigLIP
    prediction.py         BYOL, SimSiam
    redundancy.py         Barlow Twins, VICReg
    whitening.py          W-MSE
    clustering.py         Sinkhorn-Knopp, SwAV
    self_distillation.py  DINO, iBOT, KoLeo
    gaussian.py           SIGReg, LeJEPA
    masked.py             MAE, I-JEPA
"""
