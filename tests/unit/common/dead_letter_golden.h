/* Made by the Python of docs/dead-letters.md: secret key 00 to 1f, data key 40 to 5f, nonce 80 to 97. */
#ifndef CLICKVEIL_TESTS_UNIT_COMMON_DEAD_LETTER_GOLDEN_H
#define CLICKVEIL_TESTS_UNIT_COMMON_DEAD_LETTER_GOLDEN_H

#define GOLDEN_KEY_ID "2bb729721e45b955"

#define GOLDEN_ENVELOPE                                                                                \
    "{\"v\":1,\"key\":\"2bb729721e45b955\",\"seal\":\"L5Mi3L7b5BCmYBP2HcY8qUSeH4sRJ1pzuBNtiT-IYVJ5Bni" \
    "b8aaq8wMpe7WZTObAZnWaMkVOxHMbqJL1cBp_oubKiZQ7kp_sL6EcHHXsgIo\",\"nonce\":\"gIGCg4SFhoeIiYqLjI2Oj" \
    "5CRkpOUlZaX\",\"box\":\"AqN2ccAyWXMqjPwZhm_Tx64n0MCYrqEgvNUVkOCI9gBJHvZnbTKJIyskJTHu7pdof71gJyVd" \
    "HXlCpfvJyB2HuY5GTcZ8w_lYX59YER8FxcvsUuot392TelJJf9M5SF-8jl73LELUjDBcKX_ePSJb2qCaPjmZD9Sv_xLPsH5e" \
    "5ky6u4ixt1khPJetV0t_NJapjhbpcKH1NgGo5HEcF2ULFQoorlQe74E7ZD0I9IFTus1XS0OJzVR7JFeFtwH5Brudk5Uz4zXb" \
    "-M2dCfHjfhGF89dVbjti4BIMsDA5DcUsZVFnP1Zp0CnkWlIvgy5K_mczif85BbNxWW2ntbgy6rI65SBNZFg2fuzwN12PsDrx" \
    "lo1AOoLszi_pdEgtzbp7ZpppGY_--vkPD6mmDx4GCfryof92LUckcymq--ehtN1pSNb3tDPPVMRSbi9ta-VYJqtJ4LlIswZS" \
    "HGO-pzQTts0m-3OAMTI28NGPJUQSoD5WdprcviOTMybNeQWYcWISKFWp3OtZjL_VsJPhttTu1js-9yaFqzwj7Ieu2oNzl_1M" \
    "pShDnI8OLwE5y-b8b-Jaj-YxZZKewlrXDWMC-DykTr2yjOtwEfj1q3CKMStB-7jn9ZeRIj0fWZyKvemvK3OaYMlqXMuB4ycE" \
    "iOvLYJuguTYwNbOoUlwgniyJDzeLZhXnwuWzVFR5YlZeG18HCpVjwi9qXK03miBmN9v3CenGNizlzn9m7tqdR4IWgDYunTHj" \
    "FmOEEqVu2DVfUuxJsz8WWe79PMFkqeQAfFiKmgvHQaS3_PMPcTm-jdd0dUapK8ggfZIvISKZXZ867cQ65LjOsBe5S7Vy7np5" \
    "9lrnl5h1JzJ930J1poFGm2-IVhGsio5KSaHcSTYjn9gYDaWGXdDDz0qy0dBelzje42fKilFYXpnb_GqexdB9Dx1EmWZUOiBj" \
    "DDlHtLwToHo0C03ioM9CCtxkKdzOaiM7VYLE0KB75G0ahDgBohcHgGE_vKY_pk5cNIQm24tTduvCax2fhqlPN3YB4qaCoLV4" \
    "TEbuusMpPB7gRCklrEkvJaFWnnsslncM4myfdJZSUa5z9tGy5MJlnzxiE523qEIuyMXRu2g3xjI05useeTm1UmMWgvtOtkdI" \
    "E_NsNk1dmuLsm26vWfR9z6wfWcs7lmTCfCU4tY_qkyy2Ffkm7eDy8LkNhReoq_bpZoY2IbICZVowFvVsyn12XwWlGHHGuVci" \
    "9Wa3ExiGHVunMTU-IZ8SV1V4A01KoBUoFJHbypT3H8kpeJNTIn5RAFZj8M4LKmuRiK3FDqhhYh6BuI4jAfmXCdHeEzo8C5oi" \
    "t8_7oEH6KuKoKNNGFDyvqDny_aUHDBnZbtGAycCKvT1XgdzXs03A7D8uHkjQ4xFEKxE\"}"

#endif
